/** What a child tells its parent over IPC. Everything else that it sends is passed to the parent's `onMessage`. */
export type ChildMessage =
  | { readonly type: 'ready'; readonly detail?: Record<string, unknown> }
  | { readonly type: 'fatal'; readonly message: string };

export function isChildMessage(value: unknown): value is ChildMessage {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'ready') return true;
  return value.type === 'fatal' && 'message' in value && typeof value.message === 'string';
}
