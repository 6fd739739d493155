# Sourced. install_packages NAME…: installs the Debian packages that are missing, with sudo when we are not root.
install_packages() {
  command -v dpkg-query >/dev/null || { echo "This is not Debian: the packages it needs are not installed for you: $*" >&2; return 0; }
  local missing installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
  missing=$(comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed"))
  [ -n "$missing" ] || return 0
  echo "Installing Debian packages:" $missing
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "They have to be installed by root: there is no sudo. As root: apt-get install" $missing >&2
    return 1
  fi
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install $missing >/dev/null
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# PostgreSQL 15 for the tests: its programs, not a server that runs. Debian would make one at installation; that is switched off first, unless someone uses it already.
install_postgresql() {
  command -v dpkg-query >/dev/null && ! dpkg-query -W -f '${db:Status-Status}' postgresql-15 2>/dev/null | grep -qx installed || return 0
  local conf=/etc/postgresql-common/createcluster.conf
  if [ ! -e $conf ]; then
    install_packages postgresql-common || return 1
    printf '\n# Postern'\''s tests want PostgreSQL'\''s programs only.\ncreate_main_cluster = false\n' | as_root tee -a $conf >/dev/null
  fi
  install_packages postgresql-15
}
