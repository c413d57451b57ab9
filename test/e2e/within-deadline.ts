/** basic-ftp can wait for ever for an upload whose server was killed between its two connections. */
export async function withinDeadline(upload: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('The upload was not answered')), ms);
  });
  // The loser of the race has no other reader.
  upload.catch(() => undefined);
  try {
    await Promise.race([upload, late]);
  } finally {
    clearTimeout(timer);
  }
}
