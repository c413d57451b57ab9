/** A write that a handle has under way; one that ends at once leaves it as it was. */
export interface WriteRequest {
  oncomplete?: (this: this, status: number) => void;
}

/** What Node's own sockets read and write their handles with. */
export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call, or read, of whatever handle came to, by the places below. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

let binding: StreamBinding | null | undefined;

/** Node's binding under its sockets, which is not documented; null where it is not as expected. */
export function streamBinding(): StreamBinding | null {
  if (binding !== undefined) return binding;
  binding = null;
  try {
    const look = (process as unknown as { binding?: (name: string) => Partial<StreamBinding> }).binding;
    const found = look?.('stream_wrap');
    const complete =
      ArrayBuffer.isView(found?.streamBaseState) &&
      typeof found.kReadBytesOrError === 'number' &&
      typeof found.kLastWriteWasAsync === 'number' &&
      typeof found.WriteWrap === 'function';
    if (complete) binding = found as StreamBinding;
  } catch {
    // Then connections are sockets, and written to as streams.
  }
  return binding;
}
