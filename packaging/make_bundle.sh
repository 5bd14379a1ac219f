#!/usr/bin/env bash
# Makes a folder that installs DAFEC on a computer without network: its wheels, install.sh, the unit, the documents,
# and a list of all it consists of (sbom.cdx.json, CycloneDX).
#
#     packaging/make_bundle.sh OUT [EXTRA...]        EXTRA: centre (PostgreSQL, S3)
#
# Runs with the Python the bundle is for; the wheels are those of this kind of computer.
set -eu -o pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?"packaging/make_bundle.sh OUT [EXTRA...]"}
shift
extras=$(IFS=,; echo "$*")
python=${PYTHON:-python3}

[ ! -e "$out" ] || { echo "$out is there already" >&2; exit 1; }
mkdir -p "$out/wheels"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Built from a copy: what lies about in the working folder does not get in, and nothing is left there.
git -C "$root" ls-files -z --cached --others --exclude-standard -- api dafec pyproject.toml README.md LICENSE |
    (cd "$root" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar --create --null --files-from - --file -) | tar --extract --directory "$scratch"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$out/wheels" "$scratch"
wheel=$(basename "$out"/wheels/dafec-*.whl)
version=$(echo "$wheel" | cut -d- -f2)
echo "dafec${extras:+[$extras]}==$version" > "$out/requirements.txt"
"$python" -m pip wheel --quiet --wheel-dir "$out/wheels" --find-links "$out/wheels" "dafec${extras:+[$extras]}==$version"
cp "$root"/packaging/install.sh "$root"/packaging/dafec.service "$root"/packaging/service.toml "$root"/LICENSE "$out/"
cp -r "$root/docs" "$out/docs"
"$python" "$root/packaging/make_sbom.py" "$out"
"$python" -c 'import platform, sys; print("%d.%d" % sys.version_info[:2], platform.machine())' > "$out/PYTHON"
(cd "$out" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum > SHA256SUMS)
echo "$out: DAFEC $version, $(find "$out/wheels" -name '*.whl' | wc -l) wheels, $(du -sh "$out" | cut -f1)"
