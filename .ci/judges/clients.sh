#!/usr/bin/env bash
# Clients as partners generate them from the document: each must come out without a warning, compile, and carry the program in
# examples/clients.
#
#   clients.sh python DOCUMENT FOLDER                 the package labour_exchange_client in the folder, compiled and imported
#   clients.sh typescript DOCUMENT FOLDER [PROGRAM]   types, and the program (default: first_calls.ts) compiled against them
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
trap 'rm -rf "$work"' EXIT

clients=$judges/clients
examples=$root/examples/clients
[ -f "$clients/.stamp" ] || die "the clients' tools are not installed: run 'bash .ci/install-tools.sh clients'"
# The generators speak of a fault and go on, some of them with exit code 0.
complaints='WARN|ERROR|[Uu]nable to|[Cc]ould not|[Cc]annot|[Cc]an.t resolve|Skipping|will not be generated|⚠|✘'

# quiet COMMAND...: shows the end of what it says (the cause stands below its consequences), and fails when it complains.
quiet() {
    local said ended=0
    said=$("$@" 2>&1) || ended=$?
    tail -n 40 <<<"$said" | cut -c1-500
    [ "$ended" = 0 ] || return 1
    if grep -qE "$complaints" <<<"$said"; then echo "the generator complains" && return 1; fi
}

# As many modules as operations, and each of them can be imported.
complete() {
    (cd "$1" && "$clients/py/bin/python" -W error - "$2") <<'PYTHON'
import importlib, json, pkgutil, sys
import labour_exchange_client as package

with open(sys.argv[1], encoding="utf-8") as file:
    items = json.load(file)["paths"].values()
wanted = sum("operationId" in operation for item in items for operation in item.values() if isinstance(operation, dict))
modules = [module.name for module in pkgutil.walk_packages(package.__path__, "labour_exchange_client.")]
for module in modules:
    importlib.import_module(module)
found = sum(name.startswith("labour_exchange_client.api.") and name.count(".") == 3 for name in modules)
if found != wanted:
    sys.exit(f"{wanted} operations in the document, {found} in the client")
print(f"Python client: {found} operations, {len(modules)} modules")
PYTHON
}

python() {
    PATH=$clients/py/bin:$PATH quiet openapi-python-client generate --path "$1" --output-path "$2/labour_exchange_client" --overwrite \
        --meta none --config "$examples/python-config.yaml" --fail-on-warning || return 1
    "$clients/py/bin/python" -W error -m compileall -q "$2/labour_exchange_client" || return 1
    complete "$2" "$1"
}

typescript() {
    ln -sfn "$clients/node_modules" "$2/node_modules"
    quiet "$clients/node_modules/.bin/openapi-typescript" "$1" --output "$2/exchange.d.ts" || return 1
    cp "${3:-$examples/first_calls.ts}" "$2/first_calls.ts"
    cp "$examples/tsconfig.json" "$2/tsconfig.json"
    echo '{"type": "module"}' >"$2/package.json"
    (cd "$2" && "$clients/node_modules/.bin/tsc" --noEmit --strict --project . && "$clients/node_modules/.bin/tsc" --project .) || return 1
    echo "TypeScript client: $(wc -l <"$2/exchange.d.ts") lines of types, and the program compiles against them"
}

target=$(realpath -m "$3")
mkdir -p "$target"
case $1 in
python) python "$(realpath "$2")" "$target" ;;
typescript) typescript "$(realpath "$2")" "$target" "${4:-}" ;;
*) die "unknown language: $1 (python or typescript)" ;;
esac
