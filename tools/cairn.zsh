#compdef cairn vmkfstools voma partedUtil
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Completion of cairn, vmkfstools, voma and partedUtil for zsh: a file _cairn in $fpath. As for bash, the
# candidates come from the program itself (cairn __complete).
local cairn=cairn line files=0
local -a names dirs

[[ ${words[1]} == */* ]] && cairn=${words[1]:h}/cairn
for line in ${(f)"$($cairn __complete -- ${(Q)words[1,CURRENT]} 2>/dev/null)"}; do
	case $line in
	@files) files=1 ;;
	*/) dirs+=("$line") ;;
	*) names+=("$line") ;;
	esac
done
(( ${#names} )) && compadd -- $names
# Behind a directory one wants to go on.
(( ${#dirs} )) && compadd -S '' -- $dirs
(( files )) && _files
