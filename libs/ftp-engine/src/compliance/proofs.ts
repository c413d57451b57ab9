/** A promise, the spec file under libs/ftp-engine/src that proves it, and the beginning of the test's name. */
export interface Proof {
  readonly promise: string;
  readonly file: string;
  readonly test: string;
}

const COMMANDS = 'commands/session-commands.spec.ts';
const TRANSFERS = 'commands/transfer-commands.spec.ts';
const DATA = 'commands/data-connections.spec.ts';
const CONTROL = 'control/control-channel.spec.ts';
const TLS = 'tls/tls-sessions.spec.ts';
const ENGINE = 'ftp-engine.spec.ts';

function proofs(rows: readonly (readonly [promise: string, file: string, test: string])[]): readonly Proof[] {
  return rows.map(([promise, file, test]) => ({ promise, file, test }));
}

/** The rules beyond single verbs. */
export const RULES = proofs([
  ['A full quota is 552 before the 150', TRANSFERS, 'are refused with 552 before the 150'],
  ['The limit is the last byte stored, then 552; nothing is kept', TRANSFERS, 'stop at the exact byte of the quota'],
  ['An overwrite is charged the difference and no file', TRANSFERS, 'charge the difference and no file'],
  ['REST beyond the end is 554 at the transfer command', TRANSFERS, 'refuse REST beyond the end with 554'],
  ['STOU tells its name in the 150', TRANSFERS, 'give STOU a name of its own'],
  ['ASCII uploads are charged what is stored', TRANSFERS, 'convert line ends in ASCII mode'],
  ['A spool that cannot record is 451', TRANSFERS, 'answer 451 when nothing can be journalled'],
  ['A reset upload is 426, the old file stays', TRANSFERS, 'keep the old file and answer 426'],
  ['A lost control connection is no complete upload', TRANSFERS, 'are dropped when the control connection is lost'],
  ['ABOR in a transfer is 426, then 226', TRANSFERS, 'answer 426 and then 226 to ABOR'],
  ['ABOR without a transfer is 226', CONTROL, 'answers ABOR with 226 where nothing runs'],
  ['QUIT in a transfer: 226, then 221', TRANSFERS, 'finish before QUIT is answered'],
  ['ALLO with another size is incomplete', TRANSFERS, 'are incomplete when ALLO announced another size'],
  ['A staged upload is resumed by REST and SIZE', TRANSFERS, 'resume: the staged size shows'],
  ['A stalled upload is 426, the session goes on', DATA, 'an upload without data for too long is 426'],
  ['Commands in a transfer wait, replies stay in order', CONTROL, 'runs nothing while a command runs'],
  ['USER is 331 whatever the name', COMMANDS, 'asks for a password whatever the name'],
  ['Every refused login reads the same', COMMANDS, 'gives one reply for every refusal'],
  ['A second USER restarts the login', COMMANDS, 'starts the sequence again with a second USER'],
  ['Failed logins are delayed, also pipelined ones', COMMANDS, 'delays each failure longer'],
  ['After five failures 421', COMMANDS, 'closes with 421 after too many failures'],
  ['Other protocols are closed at once', CONTROL, 'closes at once what speaks another protocol'],
  ['Lines over 4 KiB are 500, then the end', CONTROL, 'answers an overlong line with 500'],
  ['AUTH starts the session over', TLS, 'starts over after AUTH'],
  ['150 before the data handshake', DATA, 'say 150 before the handshake'],
  ['A data handshake that fails is 522', DATA, 'that fail in the handshake are 522'],
  ['Required session reuse: 522 for another session', TLS, 'must resume the own control session'],
  [
    'No tickets on data connections',
    'tls/certificate-contexts.spec.ts',
    'sends tickets on control connections and none',
  ],
  ['A truncated TLS upload is 426 in strict mode', DATA, 'needs close_notify in strict mode'],
  ['USER without TLS where it is required is 530', TLS, 'refuses USER in clear where TLS is required'],
  ['A new certificate serves new connections', TLS, 'are replaced for new connections'],
  ['SNI and HOST choose the tenant’s certificate', TLS, 'are those of the tenant that SNI names'],
  ['… also where keys are of different kinds', TLS, 'are the tenant’s whatever kinds of keys'],
  [
    'A client certificate that names the account: USER is 232',
    'tls/client-certificates.spec.ts',
    'that name the account answer USER with 232',
  ],
  [
    'A client certificate that does not stand counts as none',
    'tls/client-certificates.spec.ts',
    'count as none where none is shown',
  ],
  ['HOST must match the name of the handshake', TLS, 'must match the server name of the handshake'],
  ['FEAT lists exactly its features', COMMANDS, 'lists exactly these features'],
  ['MLSD has the grammar of RFC 3659', TRANSFERS, 'MLSD lines have the grammar'],
  ['EPSV ALL holds for the session', DATA, 'answers EPSV by family'],
  ['A stranger on a data port is dropped, the owner served', DATA, 'drops a stranger and serves the owner'],
  ['50 sessions share 4 passive ports', DATA, 'lets 50 sessions share 4 ports'],
  ['PORT to another address is 501, to a low port 504', DATA, 'refuses other addresses, low ports'],
  [
    'PROXY headers count from trusted networks only',
    'proxy/proxy-protocol.spec.ts',
    'takes no header from anybody else',
  ],
  ['Anonymous visitors leave files and see none', 'commands/anonymous.spec.ts', 'leaves files in the drop box'],
  ['The idle timer rests during transfers', ENGINE, 'does not count a slow transfer as idle'],
  ['A drain lets transfers finish', ENGINE, 'drains: refuses new connections'],
]);

/** Defects of ftp-srv 4.6.3 that must not come back. */
export const DEFECTS = proofs([
  ['Data TLS handshake before the 150', DATA, 'say 150 before the handshake'],
  ['Plain text injected behind AUTH TLS', TLS, 'never runs what followed AUTH'],
  ['No line buffer', 'control/line-reader.spec.ts', 'finds the same lines however the bytes are cut'],
  ['Control socket paused in transfers', CONTROL, 'answers STAT in the middle of a transfer'],
  ['Partial file at its name after control loss', TRANSFERS, 'are dropped when the control connection is lost'],
  ['REST and STOR truncate the file', TRANSFERS, 'append with APPE and overwrite the tail'],
  ['Quotes and dashes stripped from arguments', COMMANDS, 'takes passwords byte for byte'],
  ['USER locked after a failure', COMMANDS, 'starts the sequence again with a second USER'],
  ['Idle timer kills uploads', ENGINE, 'does not count a slow transfer as idle'],
  ['A stranger on the data port ends the session', DATA, 'drops a stranger and serves the owner'],
  ['MKD tells the host path', TRANSFERS, 'MKD answers 257 with the quoted path'],
  ['Five ports probed, then 425', 'data/passive-pool.spec.ts', 'lets many sessions of one address share few ports'],
  ['PROT C refused', COMMANDS, 'is refused or required by state'],
  ['process.exit on signals', 'frame/ftp-srv-seams.spec.ts', 'adds one handler per signal'],
  ['A reset on a fresh passive connection ends the process', DATA, 'survives a reset of an unused connection'],
  ['234 before TLS is armed', TLS, 'loses no handshake of many at once'],
  ['A 64 KB line is split and its tail run', 'control/line-reader.spec.ts', 'reports an overlong line once'],
  ['Unread replies fill memory', CONTROL, 'runs nothing for a client that reads no replies'],
  ['Ports below 1024 accepted in PORT', DATA, 'refuses other addresses, low ports'],
  ['A timer holds each closed connection', 'frame/ftp-srv-seams.spec.ts', 'announces connections with connect'],
]);
