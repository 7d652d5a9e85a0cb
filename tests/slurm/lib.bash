# For the tests of the daemon on Slurm: a cluster of its own, beside what tests/serve/lib.bash has.
# A test sets `program` and reads this file; it ends with status 77 where Slurm is not installed.
here=$(dirname "${BASH_SOURCE[0]}")
program=$(realpath "$program")
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
