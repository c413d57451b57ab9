/** Graded suspension of a tenant or an account. */
export const STATUSES = ['active', 'read_only', 'download_only', 'suspended'] as const;
export type Status = (typeof STATUSES)[number];
