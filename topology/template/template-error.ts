// The error of a `{{ }}` template, with its place in the text.

/** Raised while a template is read or run, caught where the file's findings are collected. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'template-error';
  readonly retryable = false;
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
