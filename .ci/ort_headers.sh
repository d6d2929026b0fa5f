#!/usr/bin/env bash
# Download the headers of ONNX Runtime's C interface into a folder, from a package of Debian trixie.
#
#     ort_headers.sh FOLDER
#
# Works on a Debian whose package sources name an archive; does not change its package lists. Elsewhere, unpack a release of
# ONNX Runtime. In both cases, set PEERSPEC_ORT_HEADERS to the folder.
set -eu
folder=${1:?usage: ort_headers.sh FOLDER}
release=trixie
header=usr/include/onnxruntime/onnxruntime_c_api.h
if [ -f "$folder/$header" ]; then exit 0; fi

fail() { echo "ort_headers.sh: $1; unpack a release of ONNX Runtime and set PEERSPEC_ORT_HEADERS to its folder" >&2; exit 1; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "this system has no apt-get"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keys" ] || fail "Debian's keys are not installed (package debian-archive-keyring)"

# the first package source of this system that is Debian's
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
mirror=$(sed -nE 's/^(deb( +\[[^]]*\])?|URIs:) +([^ ]+).*/\3/p' <<<"$sources" | grep -E '/debian/?$' | head -n 1 || true)
[ -n "$mirror" ] || fail "the package sources of this system name no Debian archive"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
echo "deb [signed-by=$keys] $mirror $release main" >"$work/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update || fail "cannot download the package list of $release from $mirror"
(cd "$work" && apt download libonnxruntime-dev) || fail "cannot download libonnxruntime-dev from $mirror"
dpkg-deb --extract "$work"/libonnxruntime-dev_*.deb "$work/package"
[ -f "$work/package/$header" ] || fail "the package does not contain $header"
mkdir -p "$folder/usr/include"
cp -R "$work/package/usr/include/onnxruntime" "$folder/usr/include/"
