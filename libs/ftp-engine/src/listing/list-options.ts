/** What the words of a LIST or NLST argument that begin with a dash ask for. */
export interface ListOptions {
  /** `-R`: what is below as well. */
  readonly recursive: boolean;
  /** `-t`: newest first. */
  readonly byTime: boolean;
  /** `-S`: largest first. */
  readonly bySize: boolean;
  /** `-r`: the other way round. */
  readonly reverse: boolean;
  /** `-d`: the directory itself, not what is in it. */
  readonly directoryItself: boolean;
  /** `-l`: long lines (NLST). */
  readonly long: boolean;
  /** `-a`, `-A`: also names that begin with a dot. They are shown anyway; `.` and `..` never are. */
  readonly all: boolean;
}

export interface ListArgument {
  readonly options: ListOptions;
  /** The rest; empty for the working directory. */
  readonly path: string;
}

const NO_OPTIONS: ListOptions = {
  recursive: false,
  byTime: false,
  bySize: false,
  reverse: false,
  directoryItself: false,
  long: false,
  all: false,
};

/** Words of letters and digits after one dash, or `--` which ends them. */
const OPTION_WORD = /^(-[A-Za-z0-9]+|--)(?: +|$)/;

/**
 * RFC 959 knows no options, but clients send those of `ls`. A name may begin with a dash too: the caller looks whether
 * there is such a name before it asks here, and `--` ends the options.
 */
export function parseListArgument(argument: string): ListArgument {
  let rest = argument;
  let letters = '';
  for (let match = OPTION_WORD.exec(rest); match !== null; match = OPTION_WORD.exec(rest)) {
    rest = rest.slice(match[0].length);
    if (match[1] === '--') break;
    letters += match[1]!.slice(1);
  }
  if (letters === '') return { options: NO_OPTIONS, path: rest };
  return {
    options: {
      recursive: letters.includes('R'),
      byTime: letters.includes('t'),
      bySize: letters.includes('S'),
      reverse: letters.includes('r'),
      directoryItself: letters.includes('d'),
      long: letters.includes('l'),
      all: /[aA]/.test(letters),
    },
    path: rest,
  };
}
