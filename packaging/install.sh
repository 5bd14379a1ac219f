#!/usr/bin/env bash
# Installs DAFEC from the folder this script lies in, without any network: into /opt/dafec, with its own Python packages.
#
#     ./install.sh                     as root: the program, a user, the settings, the systemd unit
#     ./install.sh --only DIR          the program alone, into DIR, as any user (to try it out)
#
# Repeated with a newer bundle it updates the program; settings and data stay. Nothing is started or enabled.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)

only=""
case "${1:-}" in
    "") ;;
    --only) only=${2:?"--only needs a folder"} ;;
    *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac

say() { echo "DAFEC: $*"; }
fail() { echo "DAFEC: $*" >&2; exit 1; }

(cd "$here" && sha256sum --check --quiet SHA256SUMS) || fail "the bundle is damaged: copy it again"
read -r wanted machine < "$here/PYTHON"
python=$(command -v "python$wanted") || fail "Python $wanted is needed (on Debian: apt-get install python$wanted python$wanted-venv)"
[ "$(uname -m)" = "$machine" ] || fail "this bundle is for $machine, and this computer is $(uname -m)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "python$wanted-venv is missing"

target=${only:-/opt/dafec}
[ -n "$only" ] || [ "$(id -u)" -eq 0 ] || fail "run this as root, or with --only DIR"

install_program() {
    mkdir -p "$target"
    # A new environment beside the old one, put in its place when it is whole: an update that breaks off changes nothing.
    rm -rf "$target/venv.new"
    "$python" -m venv "$target/venv.new"
    "$target/venv.new/bin/python" -m pip install --quiet --no-index --find-links "$here/wheels" \
        --disable-pip-version-check --no-cache-dir --requirement "$here/requirements.txt"
    "$target/venv.new/bin/dafec" models > /dev/null || fail "a model is damaged: copy the bundle again"
    rm -rf "$target/venv.old"
    [ ! -d "$target/venv" ] || mv "$target/venv" "$target/venv.old"
    mv "$target/venv.new" "$target/venv"
    # The scripts of an environment name its folder.
    grep -rlI --null "$target/venv.new" "$target/venv/bin" "$target/venv/pyvenv.cfg" |
        xargs -0 --no-run-if-empty sed -i "s|$target/venv.new|$target/venv|g"
    rm -rf "$target/venv.old" "$target/docs"
    cp -r "$here/docs" "$target/docs"
}

install_program
say "installed $("$target/venv/bin/dafec" --version) in $target"
[ -z "$only" ] || exit 0

getent passwd dafec > /dev/null || useradd --system --home-dir /var/lib/dafec --shell /usr/sbin/nologin dafec
getent group scanner > /dev/null || groupadd --system scanner
install -d -m 0750 -o root -g dafec /etc/dafec
[ -e /etc/dafec/service.toml ] || install -m 0640 -o root -g dafec "$here/service.toml" /etc/dafec/service.toml
install -m 0644 "$here/dafec.service" /etc/systemd/system/dafec.service
cat > /usr/local/bin/dafec <<'WRAPPER'
#!/bin/sh
# `dafec` with the settings of the service on this computer; `sudo -u dafec dafec ...` for what touches its data.
export DAFEC_SERVICE_CONFIG="${DAFEC_SERVICE_CONFIG:-/etc/dafec/service.toml}"
exec /opt/dafec/venv/bin/dafec "$@"
WRAPPER
chmod 0755 /usr/local/bin/dafec
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
say "look at /etc/dafec/service.toml, then: systemctl enable --now dafec; journalctl -u dafec shows the first password"
