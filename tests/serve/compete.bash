# Two real trainings that compete, for the tests of the daemon on this machine and on Slurm. Read after
# lib.bash; needs bourse-train beside `program`.

digits=/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
if [[ ! -e $digits ]]; then
  echo "skipped: there are no digits; apt-get install python3-sklearn"
  exit 77
fi

model=plain-mlp
# training_options EPOCHS: what all trainings here have in common.
training_options() { echo "--model $model --data digits --epochs $1 --checkpoint-steps 200"; }

# undisturbed EPOCHS: trains in one process; the curve is in the folder that alone EPOCHS names.
alone() { echo "$work/alone-$model-$1"; }
undisturbed() {
  # shellcheck disable=SC2046
  "$program" train $(training_options "$1") --workers 1 --out "$(alone "$1")" >"$work/alone.log" 2>&1 ||
    fail "the undisturbed training: $(tail -n 3 "$work/alone.log")"
  awk -v a="$(tail -n 1 "$(alone "$1")/curve.csv" | cut -d, -f4)" 'BEGIN { exit !(a >= 0.95) }' ||
    fail "$1 epochs reach only $(tail -n 1 "$(alone "$1")/curve.csv")"
}

curve() { cut -d, -f1-4 "$1/curve.csv"; }
# as_undisturbed FOLDER EPOCHS WHAT: the curve there is that of the undisturbed training, to the last bit.
as_undisturbed() {
  cmp -s <(curve "$(alone "$2")") <(curve "$1") || fail "$3 has learned something else"
}

# training_file NAME EPOCHS ELASTIC VALUE MIN DEADLINE: writes the job.
training_file() {
  local command servers="count: 1"
  [[ $3 == in-place ]] || servers="per_workers: 2" # Their number changes with that of the workers.
  command="exec $(dirname "$(realpath "$program")")/bourse-train $(training_options "$2")"
  cat >"$work/$1.yaml" <<END
name: $1
workers: {command: $command, min: $5, max: 4, resources: {gpu: 1}}
servers: {command: $command, $servers, resources: {gpu: 0}}
work: {samples: 1438, epochs: $2, duration: 20s}
elastic: $3
deadline: $6
value: $4
grace: 10s
restart_cost: 1s
END
}

# submit_training NAME ...: as training_file; prints the number of the job, which would be admitted.
submit_training() {
  training_file "$@"
  "$program" submit "$work/$1.yaml" --dry-run | grep -q "would be admitted" ||
    fail "$1 would not be admitted"
  "$program" submit "$work/$1.yaml" --format json | sed -n 's/.*"number": *\([0-9]*\).*/\1/p' |
    head -n 1
}

moves() { [[ $(field "$1" samples_done | cut -d. -f1) -gt $2 ]]; }
workers_are() { [[ $(field "$1" workers) == "$2" ]]; }

# is_worth JOB VALUE: so much is promised of it while it runs, and earned in the end.
is_worth() { awk -v u="$(field "$1" utility)" -v v="$2" 'BEGIN { exit !(u == v) }'; }

# compete ELASTIC EPOCHS OTHERS: a training on all four GPUs gives way to a more urgent one, which needs
# three, and has them back afterwards. Both end with what they would have learned alone.
compete() {
  local elastic=$1 epochs=$2 others=$3 job other begun
  job=$(submit_training "first-$elastic" "$epochs" "$elastic" 10 1 10min)
  await 60 "the growth to four GPUs" workers_are "$job" 4
  await 60 "the first steps" moves "$job" 3000
  # It may have learned while some of its tasks were starting; until all run nothing is promised.
  await 60 "the start of all its tasks" is_phase "$job" running
  is_worth "$job" 10 || fail "the training is promised to be worth $(field "$job" utility), not 10"
  other=$(submit_training "urgent-$elastic" "$others" in-place 50 3 2min)
  await 60 "the start of the urgent training" is_phase "$other" running
  await 30 "the promise of the urgent training" is_worth "$other" 50
  await 10 "the word that one worker is left" workers_are "$job" 1
  begun=$(field "$job" samples_done | cut -d. -f1)
  await 100 "the end of the urgent training" is_phase "$other" finished
  await 30 "the return of the GPUs" workers_are "$job" 4
  await 60 "steps after that" moves "$job" "$begun"
  await 200 "the end of the training" is_phase "$job" finished
  as_undisturbed "$work/state/jobs/$job/checkpoint" "$epochs" "the training of elastic: $elastic"
  as_undisturbed "$work/state/jobs/$other/checkpoint" "$others" "the urgent training"
  is_worth "$job" 10 || fail "the training was worth $(field "$job" utility), not 10 as promised"
  is_worth "$other" 50 || fail "the urgent training was worth $(field "$other" utility), not 50"
  (($(field "$job" resizes) >= 2)) || fail "the training was resized $(field "$job" resizes) times"
  [[ $elastic == restart || $(field "$job" restarts) == 0 ]] || fail "the training was restarted"
}
