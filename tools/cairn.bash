# SPDX-License-Identifier: BSD-2-Clause-Patent
# Completion of cairn, vmkfstools, voma and partedUtil for bash: source this file. The candidates come
# from the program itself (cairn __complete), so they are those of the version that is installed.
_cairn()
{
	local cairn=cairn line cur=${COMP_WORDS[COMP_CWORD]}
	local words=("${COMP_WORDS[@]:0:COMP_CWORD+1}")

	# Beside a link with a path of its own stands the program.
	[[ ${words[0]} == */* ]] && cairn=${words[0]%/*}/cairn
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == @files ]]; then
			while IFS= read -r line; do
				[[ -d $line ]] && line+=/
				COMPREPLY+=("$line")
			done < <(compgen -f -- "$cur")
		else
			COMPREPLY+=("$line")
		fi
	done < <("$cairn" __complete -- "${words[@]}" 2>/dev/null)
	# Behind a directory one wants to go on.
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
	return 0
}
complete -F _cairn cairn vmkfstools voma partedUtil
