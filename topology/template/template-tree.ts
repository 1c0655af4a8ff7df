// The shape of a parsed template: pieces of text and actions.

/** An operand or a call; `offset` is where it stands in the text. */
export type Expression = { offset: number } & (
  | { type: 'literal'; value: string | number | boolean | null }
  | { type: 'dot' }
  | { type: 'variable'; name: string }
  | { type: 'field'; of: Expression; name: string }
  | { type: 'call'; name: string; args: readonly Expression[] }
);

export type Piece =
  | { type: 'text'; text: string; offset: number }
  | { type: 'output'; value: Expression }
  | { type: 'assign'; name: string; declare: boolean; value: Expression }
  | { type: 'if'; condition: Expression; then: readonly Piece[]; otherwise: readonly Piece[] }
  | { type: 'with'; value: Expression; then: readonly Piece[]; otherwise: readonly Piece[] }
  | { type: 'range'; keyName?: string; valueName?: string; over: Expression; body: readonly Piece[]; otherwise: readonly Piece[] };
