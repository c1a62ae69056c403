/**
 * GPT-2's printable stand-in for each byte: printable Latin-1 characters stand for themselves, the others
 * take the code points from 256 up, in order. Source: bytes_to_unicode of openai/gpt-2.
 */
export const BYTE_SYMBOLS: readonly string[] = buildSymbols();

function buildSymbols(): string[] {
  const symbols: string[] = [];
  let spare = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    symbols.push(String.fromCodePoint(printable ? byte : spare++));
  }
  return symbols;
}
