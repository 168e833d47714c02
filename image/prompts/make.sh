#!/bin/bash
# Says the texts and packs the sounds; in the sandbox of the set "voice".
#
#   make.sh say        /work/<language>/<n>.txt -> <n>.wav
#   make.sh pack       /work/<language>/<n>.raw -> <n>.gsm
#
#   /synth     the synthesiser's tree; read-only
#   /work      the texts, and what comes of them
set -euo pipefail
cd /work
case $1 in
say)
	# Words a minute: prompts are heard once, on a telephone, by whoever calls.
	speed=("zh cmn 165" "en en-us 155")
	for s in "${speed[@]}"; do
		read -r language voice rate <<<"$s"
		for text in "$language"/*.txt; do
			/synth/usr/bin/espeak-ng --path=/synth/usr/share -v "$voice" -s "$rate" -f "$text" -w "${text%.txt}.wav"
		done
	done
	;;
pack)
	for raw in */*.raw; do toast -l -c <"$raw" >"${raw%.raw}.gsm"; done
	;;
*) exit 2 ;;
esac
