#!/usr/bin/env bash
# Installs the programs the tests drive: a real browser, a database server, the second MRZ reader, fonts for Arabic pages and drawn documents.
# Does nothing where they are there; says so loudly where it cannot, and lets the tests that need them say the rest.
set -u

packages=(
    chromium tesseract-ocr fonts-noto-core postgresql sane-utils
    fonts-ocr-b fonts-ocr-a fonts-liberation fonts-freefont-ttf fonts-courier-prime fonts-noto-mono
    fonts-lato fonts-hack fonts-anonymous-pro fonts-dejavu-core
    fonts-croscore fonts-inconsolata fonts-jetbrains-mono fonts-firacode fonts-b612 fonts-go
)

complain() {
    {
        echo
        echo "!!! $1"
        echo "!!! Tests that need a browser, PostgreSQL, tesseract or fonts will fail or be skipped."
        echo "!!! Install by hand: ${missing[*]}"
        echo
    } >&2
    exit 0
}

missing=()
if ! command -v dpkg-query >/dev/null; then
    for program in chromium tesseract; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ "${#missing[@]}" -eq 0 ] && exit 0
    complain "This is no Debian or Ubuntu; system packages cannot be installed here."
fi
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null)
    [ "${state:0:2}" = "ii" ] || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        complain "System packages are missing and this account may not install them."
    fi
fi
echo "Installing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || complain "apt-get update failed."
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || complain "apt-get install failed."
