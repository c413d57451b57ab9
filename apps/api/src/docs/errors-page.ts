import { ERROR_CATALOG, type ErrorRow } from '@quayside/domain';

/** docs/errors.md: the error table for readers. */
export function errorsPage(): string {
  const rows = Object.entries<ErrorRow>(ERROR_CATALOG)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, row]) =>
        `| <a id="${code}"></a>\`${code}\` | ${row.title} | ${row.http} | ${row.ftp ?? '–'} | ${row.retryable ? 'yes' : 'no'} |`,
    );
  return `# Errors

Generated from \`libs/domain/src/errors/error-catalog.ts\` by \`npm run openapi\`.

The REST API answers every failure with a problem document (RFC 9457, \`application/problem+json\`):

\`\`\`json
{
  "type": "/docs/errors#request.invalid",
  "title": "The request is not valid",
  "status": 400,
  "code": "request.invalid",
  "detail": "Check quota.bytes",
  "errors": [{ "field": "quota.bytes", "message": "Too small: expected number to be >=0" }]
}
\`\`\`

\`code\` is stable, \`title\` may be reworded, \`detail\` and \`errors\` are for people. The FTP code is the usual one; a verb
answers with another where RFC 959 §5.4 asks for it. *Again* says whether the same request may succeed later.

| Code | Meaning | HTTP | FTP | Again |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
