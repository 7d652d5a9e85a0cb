#pragma once

#include "bourse/world/contract/clients.h"
#include "bourse/world/contract/stage.h"

namespace bourse {

TEST_P(NetworkContract, BytesComeBackInOrderOverUnixAndTcp) {
  std::string sent;
  for (int i = 0; i < 100'000; ++i) sent += std::to_string(i);
  for (const std::string& text : {"unix:" + path("s"), std::string("tcp:127.0.0.1:0")}) {
    const EchoServer server(world(), {text});
    ASSERT_TRUE(server.is_listening()) << server.error().message;
    Client client(world(), server.address());
    EXPECT_FALSE(client.is_answered());  // never from within the call
    ASSERT_TRUE(run_until([&] { return client.is_answered(); }));
    ASSERT_FALSE(client.failure) << client.failure->message;
    client.connection->send("");
    client.connection->send(std::string_view(sent).substr(0, 10));
    client.connection->send(std::string_view(sent).substr(10));
    EXPECT_TRUE(run_until([&] { return client.received.size() >= sent.size(); }));
    EXPECT_EQ(client.received, sent);
    EXPECT_EQ(client.connection->unsent(), 0U);
  }
}

TEST_P(NetworkContract, PortZeroBecomesAFreePort) {
  const EchoServer first(world(), {"tcp:127.0.0.1:0"});
  const EchoServer second(world(), {"tcp:127.0.0.1:0"});
  ASSERT_TRUE(first.is_listening());
  ASSERT_TRUE(second.is_listening());
  EXPECT_NE(first.address(), second.address());
  EXPECT_TRUE(first.address().text.starts_with("tcp:127.0.0.1:"));
}

TEST_P(NetworkContract, APeerHearsOnceThatTheOtherClosed) {
  EchoServer server(world(), {"unix:" + path("s")});
  Client client(world(), server.address());
  ASSERT_TRUE(run_until([&] { return client.connection && server.clients.size() == 1; }));
  server.clients.begin()->second->send("goodbye");
  server.clients.clear();
  ASSERT_TRUE(run_until([&] { return client.closed.has_value(); }));
  EXPECT_EQ(client.received, "goodbye");  // what was sent before comes before
  EXPECT_EQ(client.closed->code, ErrorCode::unavailable);
  client.connection->send("too late");
  EXPECT_EQ(client.connection->unsent(), 0U);
}

TEST_P(NetworkContract, WhoClosesHearsNothing) {
  EchoServer server(world(), {"tcp:127.0.0.1:0"});
  Client client(world(), server.address());
  ASSERT_TRUE(run_until([&] { return client.connection && server.clients.size() == 1; }));
  client.connection.reset();
  ASSERT_TRUE(run_until([&] { return server.clients.empty(); }));
  EXPECT_FALSE(client.closed);
}

TEST_P(NetworkContract, SendingToAPeerThatWentIsHeardOfAndKillsNobody) {
  EchoServer server(world(), {"unix:" + path("s")});
  Client client(world(), server.address());
  ASSERT_TRUE(run_until([&] { return client.connection && server.clients.size() == 1; }));
  server.clients.clear();
  const std::string much(1 << 20, 'x');
  client.connection->send(much);
  client.connection->send(much);
  EXPECT_TRUE(run_until([&] { return client.closed.has_value(); }));
}

TEST_P(NetworkContract, ACallbackMayDestroyItsConnection) {
  std::unique_ptr<Connection> accepted;
  bool got_data = false;
  const auto listener =
      world().network.listen({"unix:" + path("s")}, [&](std::unique_ptr<Connection> connection) {
        accepted = std::move(connection);
        const std::string captured(100, 'c');  // is gone if the callback dies while it runs
        accepted->on_data([&, captured](std::string_view) {
          accepted.reset();
          got_data = captured == std::string(100, 'c');
        });
      });
  ASSERT_TRUE(listener);
  Client client(world(), (*listener)->address());
  ASSERT_TRUE(run_until([&] { return client.is_answered(); }));
  client.connection->send("x");
  EXPECT_TRUE(run_until([&] { return client.closed.has_value(); }));
  EXPECT_TRUE(got_data);
}

TEST_P(NetworkContract, NobodyListensIsUnavailable) {
  std::string free_port;
  {
    const EchoServer server(world(), {"tcp:127.0.0.1:0"});
    free_port = server.address().text;
  }
  for (const std::string& text : {free_port, "unix:" + path("none")}) {
    const Client client(world(), {text});
    ASSERT_TRUE(run_until([&] { return client.is_answered(); }));
    ASSERT_TRUE(client.failure);
    EXPECT_EQ(client.failure->code, ErrorCode::unavailable);
    EXPECT_NE(client.failure->message.find(text), std::string::npos) << client.failure->message;
  }
}

TEST_P(NetworkContract, APlaceIsTakenUntilItsListenerGoes) {
  for (const std::string& text : {"unix:" + path("s"), std::string("tcp:127.0.0.1:0")}) {
    auto first = std::make_unique<EchoServer>(world(), Address{text});
    ASSERT_TRUE(first->is_listening());
    const Address place = first->address();
    const EchoServer second(world(), place);
    ASSERT_FALSE(second.is_listening());
    EXPECT_EQ(second.error().code, ErrorCode::already_exists) << second.error().message;
    first.reset();
    const EchoServer third(world(), place);
    EXPECT_TRUE(third.is_listening());
  }
}

TEST_P(NetworkContract, AFileInTheWayIsNotReplaced) {
  ASSERT_TRUE(world().files.write(path("s"), "precious"));
  const EchoServer server(world(), {"unix:" + path("s")});
  ASSERT_FALSE(server.is_listening());
  EXPECT_EQ(server.error().code, ErrorCode::already_exists);
  EXPECT_EQ(world().files.read(path("s")).value(), "precious");
}

TEST_P(NetworkContract, TheSocketIsAFileWhileItsListenerLives) {
  auto server = std::make_unique<EchoServer>(world(), Address{"unix:" + path("s")});
  EXPECT_TRUE(world().files.exists(path("s")));
  server.reset();
  EXPECT_FALSE(world().files.exists(path("s")));
}

TEST_P(NetworkContract, WhatIsNoAddressIsInvalid) {
  for (const char* const text : {"", "127.0.0.1:80", "tcp:127.0.0.1", "tcp::80", "tcp:h:65536",
                                 "tcp:h:-1", "tcp:::1:80", "unix:"}) {
    const EchoServer server(world(), {text});
    ASSERT_FALSE(server.is_listening()) << text;
    EXPECT_EQ(server.error().code, ErrorCode::invalid_argument);
    const Client client(world(), {text});
    ASSERT_TRUE(run_until([&] { return client.is_answered(); }));
    EXPECT_EQ(client.failure->code, ErrorCode::invalid_argument);
  }
  const Client client(world(), {"tcp:127.0.0.1:0"});
  ASSERT_TRUE(run_until([&] { return client.is_answered(); }));
  EXPECT_EQ(client.failure->code, ErrorCode::invalid_argument);
}

TEST_P(NetworkContract, ThePeerOfAUnixSocketIsAKnownUser) {
  for (const std::string& text : {"unix:" + path("s"), std::string("tcp:127.0.0.1:0")}) {
    EchoServer server(world(), {text});
    const Client client(world(), server.address());
    ASSERT_TRUE(run_until([&] { return client.connection && server.clients.size() == 1; }));
    const bool is_unix = text.starts_with("unix:");
    EXPECT_EQ(client.connection->peer_user() >= 0, is_unix);
    EXPECT_EQ(server.clients.begin()->second->peer_user() >= 0, is_unix);
  }
}

}  // namespace bourse
