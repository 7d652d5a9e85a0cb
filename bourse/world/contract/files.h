#pragma once

#include "bourse/world/contract/stage.h"

namespace bourse {

TEST_P(FilesContract, WhatIsWrittenIsRead) {
  Files& files = world().files;
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(files.write(path("x"), bytes));
  EXPECT_EQ(files.read(path("x")).value(), bytes);
  EXPECT_EQ(files.size(path("x")).value(), 4U);
  ASSERT_TRUE(files.write(path("x"), "new"));
  EXPECT_EQ(files.read(path("x")).value(), "new");
  EXPECT_EQ(files.list(path("")).value(), std::vector<std::string>{"x"});  // no drafts left
}

TEST_P(FilesContract, AppendingMakesAndLengthens) {
  Files& files = world().files;
  ASSERT_TRUE(files.append(path("log"), "one "));
  ASSERT_TRUE(files.append(path("log"), "two"));
  EXPECT_EQ(files.read(path("log")).value(), "one two");
}

TEST_P(FilesContract, PartsEndWithTheFile) {
  Files& files = world().files;
  ASSERT_TRUE(files.write(path("x"), "0123456789"));
  EXPECT_EQ(files.read_part(path("x"), 2, 3).value(), "234");
  EXPECT_EQ(files.read_part(path("x"), 8, 5).value(), "89");
  EXPECT_EQ(files.read_part(path("x"), 10, 5).value(), "");
  EXPECT_EQ(files.read_part(path("x"), 1000, 5).value(), "");
}

TEST_P(FilesContract, AMissingFileIsNotFoundAndNamed) {
  Files& files = world().files;
  for (const Error& error :
       {files.read(path("none")).error(), files.size(path("none")).error(),
        files.list(path("none")).error(), files.rename(path("none"), path("x")).error(),
        files.append(path("none/x"), "").error(), files.write(path("none/x"), "").error()}) {
    EXPECT_EQ(error.code, ErrorCode::not_found);
    EXPECT_NE(error.message.find(path("none")), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("No such file or directory"), std::string::npos) << error.message;
  }
  EXPECT_FALSE(files.exists(path("none")));
}

TEST_P(FilesContract, ADirectoryInTheWayIsSaid) {
  Files& files = world().files;
  ASSERT_TRUE(files.make_directories(path("d/e")));
  for (const Error& error : {files.read(path("d")).error(), files.write(path("d"), "x").error(),
                             files.append(path("d"), "x").error(), files.size(path("d")).error()})
    EXPECT_EQ(error.code, ErrorCode::failed_precondition) << error.message;
  ASSERT_TRUE(files.write(path("f"), ""));
  EXPECT_EQ(files.make_directories(path("f")).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(files.make_directories(path("f/g")).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(files.list(path("f")).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(files.read(path("f/g")).error().code, ErrorCode::failed_precondition);
}

TEST_P(FilesContract, DirectoriesAreMadeListedAndRemovedWhole) {
  Files& files = world().files;
  ASSERT_TRUE(files.make_directories(path("a/b/c")));
  ASSERT_TRUE(files.make_directories(path("a/b/c")));
  ASSERT_TRUE(files.write(path("a/b/z"), "1"));
  ASSERT_TRUE(files.write(path("a/b/k"), "2"));
  EXPECT_EQ(files.list(path("a/b")).value(), (std::vector<std::string>{"c", "k", "z"}));
  EXPECT_TRUE(files.exists(path("a/b/c")));
  ASSERT_TRUE(files.remove(path("a")));
  ASSERT_TRUE(files.remove(path("a")));
  EXPECT_FALSE(files.exists(path("a/b/k")));
  EXPECT_FALSE(files.exists(path("a")));
}

TEST_P(FilesContract, RenamingReplaces) {
  Files& files = world().files;
  ASSERT_TRUE(files.write(path("x"), "old"));
  ASSERT_TRUE(files.write(path("y"), "new"));
  ASSERT_TRUE(files.rename(path("y"), path("x")));
  EXPECT_EQ(files.read(path("x")).value(), "new");
  EXPECT_FALSE(files.exists(path("y")));
}

TEST_P(FilesContract, RenamingADirectoryTakesWhatIsInIt) {
  Files& files = world().files;
  ASSERT_TRUE(files.make_directories(path("from/sub")));
  ASSERT_TRUE(files.write(path("from/sub/x"), "1"));
  ASSERT_TRUE(files.rename(path("from"), path("to")));
  EXPECT_EQ(files.read(path("to/sub/x")).value(), "1");
  EXPECT_FALSE(files.exists(path("from")));
}

TEST_P(FilesContract, OneHoldsALock) {
  Files& files = world().files;
  Result<std::unique_ptr<FileLock>> first = files.lock(path("lock"));
  ASSERT_TRUE(first);
  const Error error = files.lock(path("lock")).error();
  EXPECT_EQ(error.code, ErrorCode::failed_precondition);
  EXPECT_NE(error.message.find("another process holds it"), std::string::npos) << error.message;
  first->reset();
  EXPECT_TRUE(files.lock(path("lock")));
  EXPECT_EQ(files.lock(path("none/lock")).error().code, ErrorCode::not_found);
}

}  // namespace bourse
