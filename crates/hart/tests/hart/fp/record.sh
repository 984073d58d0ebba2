#!/bin/sh
# Makes vectors.txt again: what qemu-riscv64 says each F and D instruction does. Needs a riscv64 cross compiler and qemu-user.
set -eu
cd "$(dirname "$0")"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
riscv64-linux-gnu-gcc -O1 -static -o "$out" record.c
qemu-riscv64 "$out" > vectors.txt
