# SPDX-License-Identifier: BSD-2-Clause-Patent
# Completion of cairn, vmkfstools, voma and partedUtil for fish. As for bash, the candidates come from the
# program itself (cairn __complete).
function __cairn_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l cairn cairn

	string match -q '*/*' -- $words[1]; and set cairn (path dirname -- $words[1])/cairn
	for line in ($cairn __complete -- $words 2>/dev/null)
		if test "$line" = @files
			__fish_complete_path (commandline -ct)
		else
			echo $line
		end
	end
end
for name in cairn vmkfstools voma partedUtil
	complete -c $name -f -a '(__cairn_complete)'
end
