/** One part of a mail, decoded; a multipart has `parts` instead of text. */
export interface MailPart {
  /** By name in lower case; folded lines are joined. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  readonly parts: readonly MailPart[];
}

/** Reads a mail as RFC 5322 and 2045 specify, as far as the tests need it. Refuses bare line feeds. */
export function readMail(raw: string): MailPart {
  const end = raw.indexOf('\r\n\r\n');
  if (end < 0 || /(?<!\r)\n/.test(raw)) throw new Error('not a mail: no header section, or bare line feeds');
  const headers = new Map<string, string>();
  for (const line of raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const [, name, value] = /^([!-9;-~]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined || headers.has(name.toLowerCase())) throw new Error(`not a header line: ${line}`);
    headers.set(name.toLowerCase(), value!);
  }
  const body = raw.slice(end + 4);
  const boundary = /^multipart\/.*boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1];
  if (boundary !== undefined) {
    const sections = `\r\n${body}`.split(`\r\n--${boundary}`);
    return { headers, text: '', parts: sections.slice(1, -1).map((section) => readMail(section.slice(2))) };
  }
  const encoding = headers.get('content-transfer-encoding');
  const text =
    encoding === 'base64'
      ? Buffer.from(body, 'base64').toString()
      : encoding === 'quoted-printable'
        ? Buffer.from(
            body
              .replace(/=\r\n/g, '')
              .replace(/=([\dA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
            'latin1',
          ).toString()
        : body;
  return { headers, text: text.replace(/\r\n$/, ''), parts: [] };
}
