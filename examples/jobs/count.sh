#!/bin/sh
# Counts to $1, by 20 a second and worker, in place of training. It goes on from its checkpoint, saves
# when it is told to end, and reports its progress. Only the worker of rank 0 counts, for all.
saved=$BOURSE_CHECKPOINT/count
if [ "$RANK" != 0 ]; then
  trap 'exit 0' TERM
  while [ ! -e "$saved.done" ]; do sleep 0.1; done
  exit 0
fi
count=0
[ -e "$saved" ] && read -r count <"$saved"
save() {
  echo "$count" >"$saved.new" && mv "$saved.new" "$saved"
}
trap 'save; echo "told to end at $count"; exit 0' TERM
echo "counting from $count with $WORLD_SIZE workers"
while [ "$count" -lt "$1" ]; do
  sleep 0.1
  count=$((count + 2 * WORLD_SIZE))
  echo "{\"samples\": $count}" >"$BOURSE_PROGRESS"
done
touch "$saved.done"
echo "counted to $count"
