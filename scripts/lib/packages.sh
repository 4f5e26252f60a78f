# Makes sure that the Debian packages for a purpose are there.
#
#   . scripts/lib/packages.sh
#   require_packages build demo
#
# Asks dpkg what is missing and installs it with apt-get, as root or through a sudo that asks for nothing. Where that
# cannot be done it prints the command that would do it and exits with status 1.
# UNSTRIDE_PACKAGES=assume skips the check, for systems that are not Debian but have the same things.

# The packages for the given purposes, one a line (scripts/packages.txt).
packages_for() {
  local purposes=" $* " purpose package _
  while read -r purpose package _; do
    if [[ -n $package && $purpose != \#* && $purposes == *" $purpose "* ]]; then echo "$package"; fi
  done < scripts/packages.txt
}

is_installed() {
  dpkg-query --show --showformat '${db:Status-Status}\n' "$1" 2> /dev/null | grep --quiet --line-regexp installed
}

# Runs apt-get with the rights this user has. Waits for another apt-get to finish; never asks.
apt_get() {
  local as_root=()
  if [[ $(id -u) != 0 ]]; then as_root=(sudo -n); fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get --quiet --yes --option DPkg::Lock::Timeout=300 "$@" < /dev/null
}

# Installs the packages; refreshes the package lists only where they do not know them or are out of date.
install_packages() {
  if apt_get install --simulate --no-install-recommends "$@" &> /dev/null &&
    apt_get install --no-install-recommends "$@"; then
    return
  fi
  apt_get update && apt_get install --no-install-recommends "$@"
}

# Stops with the reason and the command that helps.
packages_missing() {
  local reason=$1
  shift
  cat >&2 << END

unstride needs packages that are not installed, and $reason. As root, run

    apt-get update && apt-get install --no-install-recommends $*

and then this script again.
END
  exit 1
}

require_packages() {
  if [[ ${UNSTRIDE_PACKAGES:-} == assume ]]; then return; fi

  local package wanted missing=() log=build/packages.log
  mapfile -t wanted < <(packages_for "$@")
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    cat >&2 << END
This is not a Debian system, so the script cannot tell what is installed. unstride needs what Debian 12 calls

    ${wanted[*]}

With these in place, set UNSTRIDE_PACKAGES=assume and run this script again.
END
    exit 1
  fi

  for package in "${wanted[@]}"; do
    if ! is_installed "$package"; then missing+=("$package"); fi
  done
  if ((${#missing[@]} == 0)); then return; fi

  if [[ $(id -u) != 0 ]] && ! sudo -n true &> /dev/null; then
    packages_missing "this user may not install them" "${missing[@]}"
  fi
  echo "Installing ${missing[*]}"
  mkdir -p build
  if ! install_packages "${missing[@]}" &> "$log"; then
    tail -n 20 "$log" >&2
    packages_missing "apt-get could not install them (the end of $log is above)" "${missing[@]}"
  fi
}
