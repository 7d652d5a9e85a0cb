# For the tests of the daemon: a daemon in a directory of its own, and jobs that notice what must not
# happen. A test sets `program` (the bourse to test) and reads this file.

work=$(mktemp -d "${TMPDIR:-/tmp}/bourse-serve-XXXXXX")
export BOURSE_SERVER=unix:$work/state/socket
daemon=

fail() {
  echo "FAILED: $1"
  echo "-- the daemon said"
  tail -n 30 "$work/serve.log" 2>/dev/null
  echo "-- jobs"
  "$program" jobs 2>&1 || true
  [[ -z $(type -t show_slurm) ]] || show_slurm
  echo "FAILED: $1" # Again where it is looked for first.
  exit 1
}

# await SECONDS WHAT COMMAND...: tries the command until it succeeds.
await() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then fail "$what did not happen in time"; fi
    sleep 0.1
  done
}

answers() { "$program" jobs --format json >/dev/null 2>&1; }

# start_daemon OPTION...: starts it and waits until it answers.
start_daemon() {
  "$program" serve --state "$work/state" --no-tcp "$@" >>"$work/serve.log" 2>&1 &
  daemon=$!
  await 60 "the daemon's answer" answers
}

# Processes of any job of this daemon: they have its directory in their environment.
tasks_alive() {
  local p
  for p in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$p/environ" | grep -q "^BOURSE_CHECKPOINT=$work/"; then
      basename "$p"
    fi
  done
}

no_tasks() { [[ -z $(tasks_alive) ]]; }

clean_up() {
  [[ -n $daemon ]] && kill -9 "$daemon" 2>/dev/null
  pkill -9 -f "agent --cell $work/" 2>/dev/null
  local p
  for p in $(tasks_alive); do kill -9 "$p" 2>/dev/null; done
  rm -rf "$work"
}
trap clean_up EXIT

# phase NUMBER: of a job.
phase() {
  "$program" job "$1" --format json 2>/dev/null | sed -n 's/.*"phase": *"\([a-z-]*\)".*/\1/p' |
    head -n 1
}
is_phase() { [[ $(phase "$1") == "$2" ]]; }

# field NUMBER NAME: a number of a job.
field() {
  "$program" job "$1" --format json 2>/dev/null | sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" |
    head -n 1
}

# A job that adds up 1 to $1 in steps of 50 ms, by the worker of rank 0, and saves after each step of
# 10 and when it is told to end. It holds a lock while it runs: whoever finds it taken says so.
cat >"$work/sum.sh" <<'END'
exec 9>"$BOURSE_CHECKPOINT/lock"
if [ "$RANK" != 0 ]; then
  trap 'exit 0' TERM
  while [ ! -e "$BOURSE_CHECKPOINT/done" ]; do sleep 0.1; done
  exit 0
fi
flock -n 9 || { echo "twice" >>"$BOURSE_CHECKPOINT/twice"; exit 1; }
last=0
sum=0
if [ -e "$BOURSE_CHECKPOINT/saved" ]; then read -r last sum <"$BOURSE_CHECKPOINT/saved"; fi
save() {
  echo "$last $sum" >"$BOURSE_CHECKPOINT/new" && mv "$BOURSE_CHECKPOINT/new" "$BOURSE_CHECKPOINT/saved"
  echo "{\"samples\": $last, \"checkpointed\": true}" >"$BOURSE_PROGRESS"
}
trap 'save; exit 0' TERM
while [ "$last" -lt "$1" ]; do
  sleep 0.05 9>&-
  last=$((last + 1))
  sum=$((sum + last))
  if [ $((last % 10)) = 0 ]; then save; fi
done
save
echo "$sum" >"$BOURSE_CHECKPOINT/done"
END

# submit_sum NAME STEPS WORKERS MORE...: submits such a job; prints its number. WORKERS is "2" or
# "1 4".
submit_sum() {
  local name=$1 steps=$2 workers=$3
  shift 3
  submit_of "$name" "$steps" "$workers" "sh $work/sum.sh" "$@"
}

# submit_of NAME STEPS WORKERS COMMAND MORE...: the same by a command of your own, which gets STEPS.
submit_of() {
  local name=$1 steps=$2 workers=$3 command=$4 least most
  shift 4
  read -r least most <<<"$workers"
  {
    echo "name: $name"
    echo "workers:"
    echo "  command: exec $command $steps"
    if [[ -n $most ]]; then printf '  min: %s\n  max: %s\n' "$least" "$most"; else echo "  count: $least"; fi
    echo "  resources: {gpu: 1}"
    echo "work: {samples: $steps, duration: $((steps / 20 + 1))s}"
    echo "grace: 5s"
    echo "restart_cost: 1s"
    printf '%s\n' "$@"
  } >"$work/$name.yaml"
  "$program" submit "$work/$name.yaml" --format json | sed -n 's/.*"number": *\([0-9]*\).*/\1/p' |
    head -n 1
}

# expect_sum NUMBER STEPS: the job finished with the right sum and never ran twice at once.
expect_sum() {
  local directory=$work/state/jobs/$1/checkpoint sum=$(($2 * ($2 + 1) / 2))
  [[ -e $directory/twice ]] && fail "job $1 ran twice at once"
  [[ $(cat "$directory/done" 2>/dev/null) == "$sum" ]] || fail "job $1 did not end with $sum"
}
