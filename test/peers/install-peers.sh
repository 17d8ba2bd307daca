#!/bin/sh
# Installs the real programs the tests run against, from Debian's packages, where it may:
#   install-peers.sh            the peers
#   install-peers.sh compiler   what compiles SQLite when no prebuilt binary can be had
# Without the right to install (root, or sudo without a password) it says what is missing; the tests that
# need it are left out. Under CI=true a missing peer is a failure.
set -eu

POLICY=/usr/sbin/policy-rc.d

# For each: its package, and the file that shows it is there.
peers() {
  cat <<LIST
kamailio kamailio
kamailio-presence-modules */kamailio/modules/presence_mwi.so
kamailio-sqlite-modules */kamailio/modules/db_sqlite.so
kamailio-mysql-modules */kamailio/modules/db_mysql.so
kamailio-tls-modules */kamailio/modules/tls.so
baresip-core baresip
sip-tester sipp
tshark tshark
mariadb-server mariadbd
openssl openssl
chromium chromium
linphone-cli linphonec
dnsmasq-base dnsmasq
LIST
}

compiler() {
  cat <<LIST
build-essential g++
build-essential make
python3 python3
LIST
}

# A command stands in the PATH or where the PATH of an ordinary user does not lead; a module in lib.
present() {
  case $1 in
    */*) find /usr/lib /usr/lib64 -path "$1" 2>/dev/null | grep -q . ;;
    *) PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$1" >/dev/null ;;
  esac
}

missing() {
  "$1" | while read -r package shown_by; do
    present "$shown_by" || echo "$package"
  done | sort -u
}

may_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# The servers' packages start them once installed; the tests start their own. A machine that says already
# that nothing is started (as containers do) is left as it is.
keep_services_down() {
  [ ! -e "$POLICY" ] || return 0
  trap 'as_root rm -f "$POLICY"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

# Where systemd runs, a server that was just installed would start with the machine.
keep_services_off() {
  [ -d /run/systemd/system ] || return 0
  for service in kamailio mariadb; do
    case " $* " in
      *" $service "* | *" $service-server "*) as_root systemctl disable --quiet "$service" || true ;;
    esac
  done
}

install_all() {
  keep_services_down
  apt update
  if command -v debconf-set-selections >/dev/null; then
    echo 'wireshark-common wireshark-common/install-setuid boolean false' | as_root debconf-set-selections
  fi
  apt install --no-install-recommends "$@" >/dev/null
  keep_services_off "$@"
}

wanted=${1:-peers}
# shellcheck disable=SC2046 # one word per package
set -- $(missing "$wanted")
[ $# -gt 0 ] || exit 0

if may_install; then
  echo "Installing $*"
  install_all "$@" || true
  # shellcheck disable=SC2046
  set -- $(missing "$wanted")
  [ $# -gt 0 ] || exit 0
  reason='it could not be installed'
else
  reason='installing it takes apt-get, and root or sudo without a password'
fi

for package in "$@"; do
  echo "Missing: $package ($reason)" >&2
done
[ "$wanted" = peers ] || exit 1
[ "${CI:-}" != true ] || exit 1
echo 'The tests that need these are left out.' >&2
