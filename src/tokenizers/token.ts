/**
 * Tokens and those who make them. A token is a small, fixed-size statement about a stretch of media: what it is and when it
 * is presented. It describes the bytes and never replaces them. Tokenizers see a stream once, in order, in constant memory.
 */

/** A stream of bytes, cut anywhere: a file's stream, an HTTP body, an array of one. An empty piece means nothing. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Token {
  /** Which sort of token: `video-block`. Tells how `serialize()` is to be read. */
  readonly kind: string;
  /** Presentation time in microseconds: an integer in `[0, 2^53-1]`. */
  readonly ptsMicros: number;
  /** The wire form, in fresh bytes. Its length is the same for all tokens of one kind. */
  serialize(): Uint8Array;
}

/** The parameters that decide about every token, in a form that META can hold (h4mk.md 5.2). */
export type TokenizerMetadata = Readonly<Record<string, string | number | boolean | readonly number[]>>;

/**
 * `TDecoded` is what a sequence of tokens says as a whole. `TEncoded` is what encoding yields: the tokens alone, or each with
 * the bytes that it stands for.
 */
export interface Tokenizer<TInput, TToken extends Token, TDecoded, TEncoded = TToken> {
  /** Yields while it reads; an abandoned loop closes the input. May be called again with another input. */
  encode(input: TInput): AsyncIterable<TEncoded>;
  /** Reads tokens back. Refuses (`H4_PARAM`) a sequence that `encode` with these parameters does not give. */
  decode(tokens: AsyncIterable<TToken> | Iterable<TToken>): Promise<TDecoded>;
  metadata(): TokenizerMetadata;
  /** The wire forms one after the other. Holds all of them: for long streams serialize token by token. */
  serialize(tokens: Iterable<TToken>): Uint8Array;
}
