/** A cell as CSV has it (RFC 4180): in quotes where it holds a comma, a quote or a line break. */
export const csvCell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
