import java.sql.*;

/** Connect URL USER PASSWORD: JDBC. Prints the user, or the error. */
public class Connect {
  public static void main(String[] args) {
    try (Connection c = DriverManager.getConnection(args[0], args[1], args[2]); PreparedStatement s = c.prepareStatement("SELECT current_user, ?::int + 1")) {
      s.setInt(1, 41);
      try (ResultSet r = s.executeQuery()) {
        r.next();
        System.out.println(r.getString(1));
      }
    } catch (SQLException e) {
      System.out.println(e.getSQLState() + " " + e.getMessage() + " " + e.getCause());
      System.exit(2);
    }
  }
}
