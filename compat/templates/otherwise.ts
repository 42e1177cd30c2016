/** Where a template gives something else than with consul-template, on purpose: template → reason. */
export const otherwise: Readonly<Record<string, string>> = {
  '{{parseYAML "a: 1\\nb:\\n  - x\\n  - 2.5\\n" | toJSON}}': 'A map out of YAML is a map like any other, also for JSON.',
  '{{toTOML 1}}': 'A number alone is no document, so nothing else could read it.',
}
