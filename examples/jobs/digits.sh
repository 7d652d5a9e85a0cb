# A worker or a server of a real training (docs/training.md): a small network learns the handwritten
# digits of python3-sklearn in $1 epochs. BUILD is where bourse-train is; DIGITS a folder with
# digits.csv.gz, where that package is not installed.
exec "${BUILD:-../../build/release}/bourse-train" --model plain-mlp --data digits \
  ${DIGITS:+--data-folder "$DIGITS"} --epochs "$1"
