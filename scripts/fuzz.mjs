// The protocol fuzzer: npm run fuzz -- --seed 7 --commands 20000. The same seed sends the same bytes.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, commands: { type: 'string', default: '20000' } },
});
const jest = spawn('npx', ['jest', 'libs/ftp-engine/src/fuzz', '--selectProjects', 'unit', '--verbose'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    NODE_OPTIONS: '--experimental-vm-modules --no-warnings',
    FUZZ_SEED: values.seed,
    FUZZ_COMMANDS: values.commands,
  },
});
jest.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
