#!/bin/bash
# Builds a package of the program, its unit, settings, manual page and completions.
# Usage: scripts/package.sh deb|rpm|image|tree
#   ETCD_SWIFT_BINARY    a built program to pack; without it one is built (release, static runtime)
#   ETCD_SWIFT_PACKAGES  where packages go; .build/packages without it
#   PACKAGE_REVISION     the packaging's own number behind the version; 1 without it
#   PACKAGE_FAST=1       for tests: packs quickly instead of tightly, and takes a program that
#                        needs Swift's libraries
#   IMAGE_NAME           etcd-swift without it
#   IMAGE_BASE           Debian 12; docker.io/library/debian:bookworm-slim without it
# "tree" only gathers the files, in .build/packages/tree; the image is built from them, by docker,
# podman or buildah, whichever is there.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-}
case $kind in
deb) tools=(dpkg-dev debhelper fakeroot binutils chrpath) ;;
rpm) tools=(rpm binutils chrpath) ;;
image | tree) tools=(binutils chrpath) ;;
*)
    echo "usage: scripts/package.sh deb|rpm|image|tree" >&2
    exit 2
    ;;
esac
scripts/install.sh "${tools[@]}"
output=${ETCD_SWIFT_PACKAGES:-.build/packages}
mkdir -p "$output"
output=$(realpath "$output")

if [ -z "${ETCD_SWIFT_BINARY:-}" ]; then
    scripts/install.sh libcrypt-dev libnghttp2-dev libsystemd-dev pkg-config
    swift build -c release --static-swift-stdlib --product etcd-swift
    ETCD_SWIFT_BINARY=$(swift build -c release --show-bin-path)/etcd-swift
fi

version=$(sed -n 's/.*static let own = "\(.*\)"/\1/p' Sources/EtcdConfig/ProgramVersion.swift)
revision=${PACKAGE_REVISION:-1}
newest=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' packaging/debian/changelog)
if [ "$newest" != "$version" ]; then
    echo "packaging/debian/changelog ends at $newest, the program is $version:" \
        "add an entry at its top" >&2
    exit 1
fi
shown=$("$ETCD_SWIFT_BINARY" --version | sed -n 's/^etcd-swift Version: //p')
if [ "$shown" != "$version" ]; then
    echo "$ETCD_SWIFT_BINARY is version $shown, these sources are $version" >&2
    exit 1
fi
# Read to its end: a reader that has seen enough would make ldd fail, and with it the pipe.
libraries=$(ldd "$ETCD_SWIFT_BINARY")
if [ -z "${PACKAGE_FAST:-}" ] && [[ $libraries == *libswift* ]]; then
    echo "$ETCD_SWIFT_BINARY needs Swift's libraries; build it with --static-swift-stdlib" >&2
    exit 1
fi

# Everything that is packed, in one place and under its final names.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/package/dist
mkdir -p "$tree"/{completions/{bash,zsh,fish},doc,examples}
strip --strip-unneeded -o "$tree/etcd-swift" "$ETCD_SWIFT_BINARY"
# The build tool leaves a search path for libraries of its own, of which there are none.
[[ $libraries == *libswift* ]] || chrpath -d "$tree/etcd-swift" >/dev/null
"$ETCD_SWIFT_BINARY" man >"$tree/etcd-swift.1"
"$ETCD_SWIFT_BINARY" completion bash >"$tree/completions/bash/etcd-swift"
"$ETCD_SWIFT_BINARY" completion zsh >"$tree/completions/zsh/_etcd-swift"
"$ETCD_SWIFT_BINARY" completion fish >"$tree/completions/fish/etcd-swift.fish"
cp config/etcd-swift.conf "$tree/"
cp packaging/systemd/etcd-swift.{service,sysusers,tmpfiles} "$tree/"
cp packaging/debian/copyright "$tree/copyright"
cp README.md "$tree/doc/README.md"
cp packaging/README.md "$tree/doc/operating.md"
cp config/README.md "$tree/doc/settings.md"
cp config/etcd-swift.yml packaging/systemd/etcd-swift.socket "$tree/examples/"
cp -r packaging/image "$tree/image"
mv "$tree/image/Dockerfile" "$tree/Dockerfile"
chmod -R u=rwX,go=rX "$tree"
chmod 755 "$tree/etcd-swift" "$tree/image/entrypoint" "$tree/image/healthcheck"

case $kind in
tree | image)
    rm -rf "$output/tree"
    cp -r "$tree" "$output/tree"
    echo "$output/tree"
    [ "$kind" = image ] || exit 0
    for engine in docker podman buildah; do
        command -v "$engine" >/dev/null || continue
        options=(-t "${IMAGE_NAME:-etcd-swift}")
        [ -z "${IMAGE_BASE:-}" ] || options+=(--build-arg "BASE=$IMAGE_BASE")
        # The other form of images has no health check.
        [ "$engine" = docker ] || options+=(--format docker)
        "$engine" build "${options[@]}" "$output/tree"
        exit
    done
    echo "no docker, podman or buildah here; the files for one are in $output/tree" >&2
    exit 1
    ;;
deb)
    cp -r packaging/debian "$work/package/debian"
    cp packaging/systemd/etcd-swift.{service,sysusers,tmpfiles} "$work/package/debian/"
    chmod 755 "$work/package/debian/rules"
    if [ "$revision" != 1 ]; then
        {
            echo "etcd-swift ($version-$revision) bookworm; urgency=medium"
            printf '\n  * Packed again.\n\n'
            sed -n '0,/^ -- /s/^ -- / -- /p' packaging/debian/changelog
            echo
            cat packaging/debian/changelog
        } >"$work/package/debian/changelog"
    fi
    compression=-Zxz shlibdeps=
    if [ -n "${PACKAGE_FAST:-}" ]; then
        compression="-Zgzip -z1" shlibdeps=--ignore-missing-info
    fi
    log=$work/log
    if ! (cd "$work/package" && DEB_COMPRESSION=$compression \
        SHLIBDEPS=$shlibdeps DEB_BUILD_OPTIONS="nocheck noautodbgsym" \
        dpkg-buildpackage -b -us -uc -d) >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    for file in "$work"/etcd-swift_"$version-$revision"_*.deb; do
        mv "$file" "$output/"
        echo "$output/$(basename "$file")"
    done
    ;;
rpm)
    compression=w6.xzdio
    [ -z "${PACKAGE_FAST:-}" ] || compression=w1.gzdio
    log=$work/log
    if ! rpmbuild -bb --define "_topdir $work/rpmbuild" --define "_sourcedir $tree" \
        --define "_rpmdir $work/out" --define "package_version $version" \
        --define "package_revision $revision" --define "_binary_payload $compression" \
        packaging/rpm/etcd-swift.spec >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    for file in "$work"/out/*/etcd-swift-*.rpm; do
        mv "$file" "$output/"
        echo "$output/$(basename "$file")"
    done
    ;;
esac
