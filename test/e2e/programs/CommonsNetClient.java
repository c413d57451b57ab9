import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPClient;
import org.apache.commons.net.ftp.FTPFile;
import org.apache.commons.net.ftp.FTPSClient;
import org.apache.commons.net.util.TrustManagerUtils;

/** Runs the operations of a file with Apache Commons Net: one {@code operation<TAB>argument<TAB>argument} a line. */
public final class CommonsNetClient {
  private static FTPClient ftp;

  public static void main(String[] args) throws Exception {
    String mode = args[0];
    ftp = mode.equals("plain") ? new FTPClient() : new FTPSClient(mode.equals("implicit"));
    if (ftp instanceof FTPSClient tls) tls.setTrustManager(TrustManagerUtils.getAcceptAllTrustManager());
    ftp.setControlEncoding("UTF-8");
    ftp.connect(args[1], Integer.parseInt(args[2]));
    ok(ftp.login(args[3], args[4]), "login");
    if (ftp instanceof FTPSClient tls) {
      tls.execPBSZ(0);
      tls.execPROT("P");
    }
    ftp.enterLocalPassiveMode();
    ok(ftp.setFileType(FTP.BINARY_FILE_TYPE), "binary");
    for (String line : Files.readAllLines(Path.of(args[6]))) run(line, line.split("\t"));
    ok(ftp.logout(), "logout");
    ftp.disconnect();
  }

  private static void run(String line, String[] words) throws IOException {
    switch (words[0]) {
      case "put" -> {
        try (InputStream source = new FileInputStream(words[1])) {
          ok(ftp.storeFile(words[2], source), line);
        }
      }
      case "get" -> {
        try (OutputStream target = new FileOutputStream(words[2])) {
          ok(ftp.retrieveFile(words[1], target), line);
        }
      }
      case "resume-put" -> {
        long size = Long.parseLong(ftp.getSize(words[2]).trim());
        try (InputStream source = new FileInputStream(words[1])) {
          source.skipNBytes(size);
          ftp.setRestartOffset(size);
          ok(ftp.storeFile(words[2], source), line);
        }
      }
      case "resume-get" -> {
        ftp.setRestartOffset(Files.size(Path.of(words[2])));
        try (OutputStream target = new FileOutputStream(words[2], true)) {
          ok(ftp.retrieveFile(words[1], target), line);
        }
      }
      case "list" -> {
        for (FTPFile file : ftp.mlistDir(words[1])) System.out.println(file.getName());
        ok(ftp.changeWorkingDirectory(words[1]), line);
        for (FTPFile file : ftp.listFiles()) System.out.println(file.getName() + " " + file.getSize());
        ok(ftp.changeWorkingDirectory("/"), line);
      }
      case "rename" -> ok(ftp.rename(words[1], words[2]), line);
      case "delete" -> ok(ftp.deleteFile(words[1]), line);
      case "mtime" -> System.out.println(ftp.getModificationTime(words[1]));
      default -> throw new IllegalArgumentException(line);
    }
  }

  private static void ok(boolean done, String what) throws IOException {
    if (!done) throw new IOException(what + ": " + ftp.getReplyString());
  }
}
