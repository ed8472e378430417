#!/usr/bin/env bash
# Installs what the tests need beyond Rust, gcc, Python 3.11+ and Node 20+: PostgreSQL's server programs, curl and the outside
# judges of the API, at exact versions. Safe to run again: what is there already is left alone.
#
#   install-tools.sh           everything but the next two
#   install-tools.sh linkage   the judge of record linkage (recordlinkage with pandas and scikit-learn, in a Python environment of its own)
#   install-tools.sh clients   generators of clients for Python and TypeScript, and what examples/partner.py needs, also on their own
#
#   LABOUR_EXCHANGE_JUDGES   where the judges go (default: target/judges)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
judges=$(realpath -m "${LABOUR_EXCHANGE_JUDGES:-$root/target/judges}")
wanted=$root/.ci/judges

die() {
    echo "install-tools: $*" >&2
    exit 1
}

postgres_is_there() {
    local folder
    for folder in /usr/lib/postgresql/*/bin ${PATH//:/ }; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/psql" ]; then return 0; fi
    done
    return 1
}

# from_debian PACKAGE WHAT: installs a package where its program is missing.
from_debian() {
    [ "$(id -u)" = 0 ] || die "$2 is missing; as root: apt-get install $1"
    command -v apt-get >/dev/null || die "$2 is missing; install it"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$1" </dev/null
}

# from_npm PACKAGE FOLDER: what the package file wants, in the folder. No lock file (it would name the registry of whoever wrote it) and
# no install scripts (none is needed, one phones home).
from_npm() {
    rm -rf "$2/node_modules"
    cp "$1" "$2/package.json"
    npm_config_fund=false npm_config_audit=false npm_config_package_lock=false npm_config_ignore_scripts=true \
        npm_config_update_notifier=false npm_config_loglevel=error npm install --prefix "$2"
}

# The judge of record linkage brings scientific libraries that no other judge needs, and needs nothing that they do.
if [ "${1:-}" = linkage ]; then
    stamp=$({ echo "$judges"; python3 --version; cat "$wanted/linkage-requirements.txt"; } | sha256sum)
    if [ "$(cat "$judges/linkage/.stamp" 2>/dev/null || true)" = "$stamp" ]; then exit 0; fi
    mkdir -p "$judges"
    python3 -m venv --clear "$judges/linkage"
    "$judges/linkage/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --requirement "$wanted/linkage-requirements.txt"
    "$judges/linkage/bin/pip" check --disable-pip-version-check
    echo "$stamp" >"$judges/linkage/.stamp"
    exit 0
fi

# Generators of clients come with what partners have, not with what our judges need.
if [ "${1:-}" = clients ]; then
    clients=$judges/clients
    stamp=$(
        {
            echo "$judges"
            python3 --version
            node --version
            cat "$wanted/clients-package.json" "$wanted/clients-requirements.txt"
        } | sha256sum
    )
    if [ "$(cat "$clients/.stamp" 2>/dev/null || true)" = "$stamp" ]; then exit 0; fi
    mkdir -p "$clients"
    rm -f "$clients/.stamp"
    python3 -m venv --clear "$clients/py"
    "$clients/py/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --requirement "$wanted/clients-requirements.txt"
    "$clients/py/bin/pip" check --disable-pip-version-check
    from_npm "$wanted/clients-package.json" "$clients"
    echo "$stamp" >"$clients/.stamp"
    exit 0
fi

if ! postgres_is_there; then
    from_debian postgresql "PostgreSQL 14 or newer (initdb, postgres, pg_ctl, psql)"
    postgres_is_there || die "PostgreSQL was installed but initdb is not under /usr/lib/postgresql/*/bin"
fi
# The tutorial is a script with curl, and a test runs it.
command -v curl >/dev/null || from_debian curl "curl"

for tool in python3 node npm; do
    command -v "$tool" >/dev/null || die "$tool is missing (Python 3.11+ and Node 20+ with npm are needed)"
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed, found $(python3 --version)"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || die "Node 20 or newer is needed, found $(node --version)"

# The stamp names everything the installed folder depends on; the folder's own path is part of it, because a Python
# environment cannot be moved.
stamp=$(
    {
        echo "$judges"
        python3 --version
        node --version
        cat "$wanted/package.json" "$wanted/requirements.txt"
    } | sha256sum
)
if [ "$(cat "$judges/.stamp" 2>/dev/null || true)" = "$stamp" ]; then exit 0; fi

mkdir -p "$judges"
rm -f "$judges/.stamp"

python3 -m venv --clear "$judges/py"
"$judges/py/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$wanted/requirements.txt"
"$judges/py/bin/pip" check --disable-pip-version-check

from_npm "$wanted/package.json" "$judges"

echo "$stamp" >"$judges/.stamp"
