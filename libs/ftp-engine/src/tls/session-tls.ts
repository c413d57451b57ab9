/** How TLS was set up on one control connection, and what its data connections need to resume it. */
export interface SessionTls {
  readonly implicit: boolean;
}
