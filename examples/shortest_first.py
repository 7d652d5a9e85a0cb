#!/usr/bin/env python3
"""A policy for `bourse simulate --policy exec:examples/shortest_first.py`.

Jobs that wait start in order of the time they take, each on one machine that has room for all that
it requested, or else spread over several. Nobody is paused. docs/write-a-policy.md describes what
comes in and what goes out.
"""
import json
import sys


def answer(message):
    print(json.dumps(message), flush=True)


def room_for(job, free):
    """How many workers of the job fit what is free on a machine."""
    counts = [int((free[r] + 1e-9) // need) for r, need in job["worker"].items() if need > 0]
    return min(counts)


def place(job, free):
    """Workers by machine, the machine with the most room first; nothing if they do not all fit."""
    if job["requested"]["servers"] > 0:
        return []  # This short example does not place parameter servers.
    left = job["requested"]["workers"]
    groups = []
    for machine in sorted(free, key=lambda m: (-room_for(job, free[m]), m)):
        count = min(left, room_for(job, free[machine]))
        if count > 0:
            groups.append({"machine": machine, "workers": count, "servers": 0})
            left -= count
    return groups if left == 0 else []


def main():
    hello = json.loads(sys.stdin.readline())
    answer({"type": "hello", "protocol": 1, "name": "shortest first"})
    jobs = {}
    for line in sys.stdin:
        event = json.loads(line)
        if event["type"] == "end":
            return
        if "new_job" in event:
            jobs[event["new_job"]["id"]] = event["new_job"]
        down = set(event["machines_down"])
        free = {m["id"]: dict(m["capacity"]) for m in hello["machines"] if m["id"] not in down}

        def take(job, groups):
            for group in groups:
                for r, need in job["worker"].items():
                    free[group["machine"]][r] -= need * group["workers"]

        for state in event["jobs"]:
            take(jobs[state["id"]], state["allocation"])
        waiting = [jobs[s["id"]] for s in event["jobs"] if s["status"] == "waiting"]
        changes = []
        for job in sorted(waiting, key=lambda j: (j["requested_duration_s"], j["id"])):
            groups = place(job, free)
            if groups:
                take(job, groups)
                changes.append({"job": job["id"], "allocation": groups})
        answer({"type": "decision", "changes": changes})


if __name__ == "__main__":
    main()
