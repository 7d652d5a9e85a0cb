# For the tests of the daemon on Slurm: a cluster of its own, beside what tests/serve/lib.bash has.
# A test sets `program` and reads this file; it ends with status 77 where Slurm is not installed.
# Cluster and daemon run as an ordinary user: whoever runs the test or, if that is root, nobody.
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
program=$(realpath "$program")

# as_nobody ARGUMENT...: runs this test as nobody, who may not even look into our directories, so from
# copies of what it needs; ends with its status.
as_nobody() {
  local stage status=0 file arguments=()
  stage=$(mktemp -d /tmp/bourse-slurm-XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf $stage" EXIT
  mkdir -p "$stage"/{build/release,tests,examples,tmp}
  for file in bourse{,-agent,-slurm-helper,-train}; do
    file=$(dirname "$program")/$file
    [[ ! -x $file ]] || cp "$file" "$stage/build/release/"
  done
  for file in "$@"; do
    if [[ -f $file ]]; then
      cp -n "$file" "$stage/build/release/"
      file=$stage/build/release/$(basename "$file")
    fi
    arguments+=("$file")
  done
  cp -r "$here" "$here/../serve" "$stage/tests/"
  cp -r "$here"/../../examples/{jobs,slurm} "$stage/examples/"
  chmod -R a+rX "$stage"
  chown nobody "$stage/tmp"
  cd "$stage/tmp" || exit 1
  setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$stage/tmp" TMPDIR="$stage/tmp" USER=nobody LOGNAME=nobody \
    "$stage/tests/slurm/$(basename "$0")" "${arguments[@]}" || status=$?
  exit $status
}
((EUID != 0)) || as_nobody "$@"
. "$here/../serve/lib.bash"

cluster() { "$here/cluster" "$1" "$work/slurm" "${@:2}"; }
mkdir -p "$work/slurm"
cp "$here/../../examples/slurm/job_submit.lua" "$work/slurm/" # For those who set JobSubmitPlugins.
cluster up || {
  status=$?
  rm -rf "$work"
  trap - EXIT
  exit $status
}
export SLURM_CONF=$work/slurm/slurm.conf

# What Slurm knows of it, beside what a test of the daemon says when it fails.
show_slurm() {
  echo "-- at $(date +%T) Slurm has"
  timeout 5 sinfo -N -o '%N %T %E' 2>&1
  timeout 5 squeue -o '%i %j %T %r %n %N' 2>&1
  timeout 5 scontrol -o show job 2>&1 | grep -E 'JobState=(PENDING|RUNNING)'
  echo "-- slurmctld said"
  tail -n 60 "$work/slurm/log/controller.log"
  echo "-- slurmds said"
  tail -n 20 "$work"/slurm/log/n*.log
  echo "-- agents said"
  tail -n 5 "$work"/state/jobs/*/cells/*/agent.log 2>/dev/null
}

clean_up_slurm() {
  [[ -n $daemon ]] && kill_daemon 2>/dev/null
  cluster down
  clean_up
}
trap clean_up_slurm EXIT

lease=4
policy=drf # Shares out, so that jobs grow and shrink.
# serve OPTION...: the daemon on this cluster.
serve() {
  PATH=$work/bin:$PATH start_daemon --engine slurm --policy $policy --lease ${lease}s --poll 1s "$@"
}
kill_daemon() {
  kill -9 "$daemon" 2>/dev/null
  wait "$daemon" 2>/dev/null
}

# Cells that Slurm has: "17-1-0 n1 RUNNING", one a line.
cells() { squeue -h -o '%j %N %T' | sed -n 's/^bourse-[0-9a-f]*-//p' | sort; }
cells_of() { cells | grep "^$1-"; }
# has_cells JOB COUNT: of a job, running.
has_cells() { [[ $(cells_of "$1" | grep -c ' RUNNING$') == "$2" ]]; }
no_cells() { [[ -z $(cells) ]]; }
# places JOB: machines that the daemon names, in its JSON, in one line.
places() {
  "$program" job "$1" --format json | tr -d ' \n' | grep -o '"placement":\[[^]]*\]' | head -n 1 |
    grep -o '"machine":"[^"]*"' | sed 's/.*:"\(.*\)"/\1/' | sort | tr '\n' ' '
}
all_ended() { no_cells && no_tasks; }
machine_is() {
  "$program" machines --format json | tr -d ' \n' | grep -q "\"name\":\"$1\",\"state\":\"$2\""
}
machine_is_not() { ! machine_is "$@"; }
restarts_are_more_than() { [[ $(field "$1" restarts) -gt $2 ]]; }
