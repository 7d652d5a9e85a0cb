"""Adds up the numbers from 1 to its argument with the other workers, in place of training.

A job that says `elastic: in-place`. Its workers come and go while it runs: before every step each
reads who the members are. The one of rank 0 leads: it waits until all members have joined its
generation, hands out the steps, and saves. If it leaves, the next one of rank 0 goes on from what
was saved.
"""

import json
import os
import pathlib
import signal
import sys
import time

me = os.environ["BOURSE_TASK"]
goal = int(sys.argv[1])
directory = pathlib.Path(os.environ["BOURSE_CHECKPOINT"])
leaves = False


def told_to_end(*_):
    global leaves
    leaves = True


def members():
    """The list, and our line in it; None if we are not a member any more."""
    text = json.loads(pathlib.Path(os.environ["BOURSE_MEMBERS"]).read_text())
    return text, next((m for m in text["members"] if m["task"] == me), None)


def write(path, text):
    """In one step, under a name of our own until then."""
    new = path.with_name(f"{path.name}.{me}")
    new.write_text(text)
    new.rename(path)


def progress(count):
    with open(os.environ["BOURSE_PROGRESS"], "w") as pipe:
        pipe.write(json.dumps({"samples": count, "checkpointed": True}) + "\n")


def all_have_joined(text):
    """Rendezvous: every worker of this generation has said that it knows of it."""
    for member in text["members"]:
        try:
            known = (directory / f"{member['task']}.joined").read_text()
        except FileNotFoundError:
            return False
        if known != f"{text['epoch']}/{text['generation']}":
            return False
    return True


def main():
    signal.signal(signal.SIGTERM, told_to_end)
    saved = directory / "sum"
    generation = 0
    while not leaves and not (directory / "done").exists():
        text, mine = members()
        if mine is None:
            break
        if text["generation"] != generation:
            generation = text["generation"]
            print(f"process {os.getpid()}: rank {mine['rank']} of {text['workers']}", flush=True)
            write(directory / f"{me}.joined", f"{text['epoch']}/{generation}")
        if mine["rank"] == 0 and all_have_joined(text):
            count, total = map(int, saved.read_text().split()) if saved.exists() else (0, 0)
            if count >= goal:
                write(directory / "done", str(total))
                break
            last = min(goal, count + text["workers"])
            total += sum(range(count + 1, last + 1))
            write(saved, f"{last} {total}")
            progress(last)
        time.sleep(0.1)


main()
