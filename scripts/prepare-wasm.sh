#!/usr/bin/env bash
# Gives the active Rust toolchain a standard library for the browser (wasm32-unknown-unknown).
#
# The ordinary way is rustup. Where rustup cannot fetch the component, the library is built here from
# Debian's rust-src package of exactly this compiler version, out of the archive this machine already uses.
set -euo pipefail

target=wasm32-unknown-unknown
libdir=$(rustc --print target-libdir --target "$target")

fail() {
  echo "wasm standard library: $1; run 'rustup target add $target' where the network allows it" >&2
  exit 1
}

is_installed() { compgen -G "$libdir/libstd-*.rlib" >/dev/null; }

install_with_rustup() {
  command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1 && is_installed
}

# The first Debian archive that apt is configured with; never written down in this file.
debian_archive() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{sources,list} 2>/dev/null || true; } |
    { grep -v '^ *#' || true; } | { grep -oE 'https?://[^ ]+/debian/?( |$)' || true; } | sed 's/ *$//;q'
}

# Unpacks the sources of rustc $1 to $2/src with an apt state of its own, so that the machine's stays as it is.
fetch_sources() {
  local version=$1 work=$2 archive package options
  command -v apt-get >/dev/null || fail "neither rustup nor apt can provide it"
  archive=$(debian_archive)
  [ -n "$archive" ] || fail "no Debian archive is configured"
  rm -rf "$work/apt" && mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  : >"$work/apt/status"
  for suite in trixie trixie-backports forky sid; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
  done >"$work/apt/sources.list"
  options=(
    -o "Dir::State=$work/apt" -o "Dir::State::lists=$work/apt/lists" -o "Dir::State::status=$work/apt/status"
    -o "Dir::Cache=$work/apt/cache" -o "Dir::Etc::sourcelist=$work/apt/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none -o APT::Sandbox::User=root -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
  )
  apt-get "${options[@]}" -qq update || fail "the Debian archive did not answer"
  package=$(apt-cache "${options[@]}" madison rust-src |
    awk -F' *[|] *' -v version="$version" 'index($2, version "+") == 1 { print $2; exit }')
  [ -n "$package" ] || fail "Debian has no rust-src for rustc $version"
  (
    cd "$work"
    apt-get "${options[@]}" -qq download "rust-src=$package"
    dpkg -x rust-src_*.deb unpacked
    mv "unpacked/usr/src/rustc-$version" src
    rm -rf unpacked rust-src_*.deb apt
  )
}

# Compiles the library out of $1 the way the toolchain's own is: unstable parts forced, vendored crates, no network.
build_library() {
  local sources=$1 scratch
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  (
    cd "$sources/library"
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$scratch __CARGO_DEFAULT_LIB_METADATA=stablestd \
      RUSTFLAGS="-Zforce-unstable-if-unmarked -Cembed-bitcode=yes -Cdebuginfo=0" \
      cargo -Zavoid-dev-deps build --release --offline --target "$target" \
      --manifest-path sysroot/Cargo.toml --features panic-unwind \
      --config 'source.crates-io.replace-with="vendored-sources"' \
      --config "source.vendored-sources.directory=\"$sources/library/vendor\""
  )
  mkdir -p "$libdir"
  cp "$scratch/$target/release/deps/"*.rlib "$libdir/"
}

is_installed && exit 0
install_with_rustup && { echo "wasm standard library: installed by rustup"; exit 0; }

version=$(rustc --version | awk '{ print $2 }')
work=${WASM_STD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rampart/wasm-std}/$version
mkdir -p "$work"
[ -d "$work/src" ] || fetch_sources "$version" "$work"
build_library "$work/src"
is_installed || fail "the build left no library in $libdir"
echo "wasm standard library: built for rustc $version"
