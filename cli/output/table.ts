// Tables of box characters, as people's scripts expect them: columns split by │, cells of several lines, lines between groups.

export type Row = readonly string[];

/** Renders rows under a header; a cell may hold several lines; `separate` draws a line between all rows. */
export function renderTable(header: Row, rows: readonly Row[], options: { separate?: boolean } = {}): string {
  const widths = header.map((title, column) => Math.max(...[title, ...rows.map((row) => row[column] ?? '')].flatMap((cell) => cell.split('\n').map(width))));
  const rule = (left: string, middle: string, right: string) => `${left}${widths.map((size) => '─'.repeat(size + 2)).join(middle)}${right}`;
  const body = rows.flatMap((row, index) => [
    ...(options.separate && index > 0 ? [rule('├', '┼', '┤')] : []),
    ...lines(row, widths),
  ]);
  return [rule('╭', '┬', '╮'), ...lines(header, widths, 'centre'), rule('├', '┼', '┤'), ...body, rule('╰', '┴', '╯')].join('\n');
}

function lines(row: Row, widths: readonly number[], align: 'left' | 'centre' = 'left'): string[] {
  const cells = widths.map((_size, column) => (row[column] ?? '').replaceAll('\t', ' ').split('\n'));
  const height = Math.max(...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_unused, line) =>
    `│${cells.map((cell, column) => ` ${pad(cell[line] ?? '', widths[column] ?? 0, align)} `).join('│')}│`);
}

function pad(text: string, size: number, align: 'left' | 'centre'): string {
  const missing = Math.max(0, size - width(text));
  const before = align === 'centre' ? Math.floor(missing / 2) : 0;
  return ' '.repeat(before) + text + ' '.repeat(missing - before);
}

// eslint-disable-next-line no-control-regex -- colour codes take no room on the screen
const width = (text: string): number => text.replaceAll(/\u001b\[[0-9;]*m/g, '').length;
