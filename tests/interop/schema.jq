# SPDX-License-Identifier: BSD-2-Clause-Patent
# schema.jq - the part of JSON Schema that docs/schema uses: type, enum, pattern, required, properties,
# items. Input: the document; $s: the schema. Output: one line per fault, nothing when all is well.
# A key that the schema does not name is a fault too: the schema would be out of date.
def word: if type == "number" and . == floor then "integer" else type end;
def faults($s; $at):
	. as $v
	| (if $s.type and (([$s.type] | flatten) as $t | ($t | index($v | word)) == null)
		then "\($at): is \($v | word), not \($s.type)" else empty end),
	  (if $s.enum and ($s.enum | index($v)) == null then "\($at): \($v) is none of \($s.enum)" else empty end),
	  (if $s.pattern and ($v | type) == "string" and ($v | test($s.pattern) | not)
		then "\($at): \($v) does not match \($s.pattern)" else empty end),
	  (if ($v | type) == "object" and $s.properties then
		(($s.required // [])[] | select(. as $k | $v | has($k) | not) | "\($at): has no \(.)"),
		($v | keys[] as $k | if $s.properties[$k] then .[$k] | faults($s.properties[$k]; "\($at).\($k)")
			else "\($at).\($k): is not in the schema" end)
	   else empty end),
	  (if ($v | type) == "array" and $s.items then
		range($v | length) as $i | $v[$i] | faults($s.items; "\($at)[\($i)]")
	   else empty end);
faults($s; "")
