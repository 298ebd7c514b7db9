# SPDX-License-Identifier: ISC
# Cuts page.html into three strings of C: the document, with links in the place of its style and
# script, and these two.
function put(part, line) {
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\\&", line)
    text[part] = text[part] "\n    \"" line "\\n\""
}
BEGIN { part = "document" }
/^<style>$/ { put("document", "<link rel=\"stylesheet\" href=\"?style\">"); part = "style"; next }
/^<script>$/ { put("document", "<script src=\"?script\" defer></script>"); part = "script"; next }
/^<\/(style|script)>$/ { part = "document"; next }
{ put(part, $0) }
END {
    print "/* Made from page.html by page.awk. */"
    print "#include \"ops/page_text.h\""
    count = split("document style script", parts, " ")
    for (i = 1; i <= count; i++) {
        print "\nconst char page_" parts[i] "[] =" text[parts[i]] ";"
        print "const size_t page_" parts[i] "_len = sizeof page_" parts[i] " - 1;"
    }
}
