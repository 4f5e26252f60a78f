# Configures, builds and tests the presets of CMakePresets.json.
#
#   . scripts/lib/build.sh
#   build_preset release [cmake --build options]
#   test_preset release [ctest options]

# Prints a headline, bold on a terminal.
headline() {
  if [[ -t 1 ]]; then printf '\n\e[1m%s\e[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi
}

# Runs a command for a preset. ThreadSanitizer of GCC 12 cannot start where the kernel randomises addresses by more bits
# than it knows of, so its programs run at fixed addresses; the build runs some of them already, to list their tests.
run_for_preset() {
  local preset=$1
  shift
  if [[ $preset == tsan ]] && setarch --addr-no-randomize true 2> /dev/null; then
    setarch --addr-no-randomize "$@"
  else
    "$@"
  fi
}

build_preset() {
  local preset=$1 log=build/$1-configure.log
  shift
  mkdir -p build
  if ! cmake --preset "$preset" &> "$log"; then
    cat "$log" >&2
    return 1
  fi
  run_for_preset "$preset" cmake --build --preset "$preset" "$@"
}

test_preset() {
  local preset=$1
  shift
  run_for_preset "$preset" ctest --preset "$preset" --parallel "$(nproc)" "$@"
}
