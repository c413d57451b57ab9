/** One setting that cannot be used, with the next action in the text. */
export interface SettingFault {
  readonly name: string;
  readonly message: string;
}

/** Every fault of the settings at once; the message is made to be printed as it is. */
export class ConfigError extends Error {
  readonly faults: readonly SettingFault[];

  constructor(faults: readonly SettingFault[]) {
    const lines = faults.map(({ name, message }) => `  ${name}: ${message}`);
    super(`The settings cannot be used:\n${lines.join('\n')}\nAll settings are explained in .env.example.`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}
