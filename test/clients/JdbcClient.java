// JDBC: the PostgreSQL driver's extended protocol, binary transfer, batches, metadata, cursors, COPY, savepoints.
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;

public class JdbcClient {
  interface Body { void run(Connection c) throws Exception; }
  static String url;

  static void same(Object got, Object wanted) {
    if (!Objects.deepEquals(got, wanted)) throw new AssertionError("got " + got + ", wanted " + wanted);
  }

  static void test(String name, Body body) {
    try (Connection c = DriverManager.getConnection(url)) {
      body.run(c);
      System.out.println("ok clients/jdbc: " + name);
    } catch (Throwable t) {
      System.out.println("not ok clients/jdbc: " + name);
      System.out.println("#   " + t);
      for (StackTraceElement e : t.getStackTrace()) if (e.getClassName().startsWith("JdbcClient")) System.out.println("#   " + e);
    }
  }

  static void values(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("select ?::int4, ?::int8, ?::text, ?::bool, ?::float8, ?::numeric, ?::date, ?::timestamp, ?::timestamptz, ?::bytea, ?::uuid, ?::int4[]")) {
      for (int i = 0; i < 12; i++) {  // after five runs the driver prepares it on the server and asks for binary results
        s.setInt(1, i); s.setLong(2, 1L << 40); s.setString(3, "naïve ☃"); s.setBoolean(4, true); s.setDouble(5, 1.5); s.setBigDecimal(6, new BigDecimal("12345678901234567890.010"));
        s.setObject(7, LocalDate.of(2024, 2, 29)); s.setObject(8, LocalDateTime.of(2024, 1, 2, 3, 4, 5, 678901000)); s.setObject(9, OffsetDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneOffset.UTC));
        s.setBytes(10, new byte[] {0, -1}); s.setObject(11, new UUID(1, 2)); s.setArray(12, c.createArrayOf("int4", new Integer[] {1, null, 3}));
        try (ResultSet r = s.executeQuery()) {
          r.next();
          same(r.getInt(1), i); same(r.getLong(2), 1L << 40); same(r.getString(3), "naïve ☃"); same(r.getBoolean(4), true); same(r.getDouble(5), 1.5);
          same(r.getBigDecimal(6), new BigDecimal("12345678901234567890.010")); same(r.getObject(7, LocalDate.class), LocalDate.of(2024, 2, 29));
          same(r.getObject(8, LocalDateTime.class), LocalDateTime.of(2024, 1, 2, 3, 4, 5, 678901000));
          same(r.getObject(9, OffsetDateTime.class).toInstant(), Instant.parse("2024-07-01T12:00:00Z"));
          same(r.getBytes(10), new byte[] {0, -1}); same(r.getObject(11), new UUID(1, 2)); same(r.getArray(12).getArray(), new Integer[] {1, null, 3});
        }
      }
    }
  }

  static void batches(Connection c) throws Exception {
    try (Statement s = c.createStatement()) { s.execute("create temp table b (id serial primary key, v text not null)"); }
    try (PreparedStatement s = c.prepareStatement("insert into b (v) values (?)", Statement.RETURN_GENERATED_KEYS)) {
      for (int i = 0; i < 300; i++) { s.setString(1, "v" + i); s.addBatch(); }
      same(s.executeBatch().length, 300);
      int n = 0;
      try (ResultSet r = s.getGeneratedKeys()) { while (r.next()) same(r.getInt(1), ++n); }
      same(n, 300);
      s.setString(1, "x"); s.addBatch(); s.setNull(1, Types.VARCHAR); s.addBatch();
      try { s.executeBatch(); throw new AssertionError("no error"); }
      catch (BatchUpdateException e) { same(e.getSQLState(), "23502"); }
    }
  }

  static void cursors(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      s.setFetchSize(7);
      int n = 0;
      try (ResultSet r = s.executeQuery("select g, repeat('x', g) from generate_series(1, 100) g")) { while (r.next()) n++; }
      same(n, 100);
    }
    try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
      s.execute("create temp table u (a int primary key, b text)");
      s.execute("insert into u values (1, 'x'), (2, 'y')");
      try (ResultSet r = s.executeQuery("select a, b from u order by a")) { r.last(); r.updateString(2, "z"); r.updateRow(); r.absolute(1); same(r.getString(2), "x"); }
      try (ResultSet r = s.executeQuery("select b from u where a = 2")) { r.next(); same(r.getString(1), "z"); }
    }
    Savepoint p = c.setSavepoint("p q");
    try (Statement s = c.createStatement()) { s.execute("select 1/0"); } catch (SQLException e) { same(e.getSQLState(), "22012"); }
    c.rollback(p);
    try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("select count(*) from u")) { r.next(); same(r.getInt(1), 2); }
  }

  static void metadata(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.execute("drop table if exists jdbc_t");
      s.execute("create table jdbc_t (id bigserial primary key, name varchar(20) not null default 'x', amount numeric(8,2), made timestamptz, unique (name, amount))");
      s.execute("comment on column jdbc_t.name is 'the name'");
    }
    DatabaseMetaData m = c.getMetaData();
    same(m.getDatabaseMajorVersion(), 15);
    List<String> columns = new ArrayList<>();
    try (ResultSet r = m.getColumns(null, "public", "jdbc_t", "%")) {
      while (r.next()) columns.add(r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getInt("COLUMN_SIZE") + " " + r.getInt("DECIMAL_DIGITS") + " " + r.getString("IS_NULLABLE")
          + " " + r.getString("COLUMN_DEF") + " " + r.getString("REMARKS") + " " + r.getString("IS_AUTOINCREMENT"));
    }
    same(columns, List.of("id bigserial 19 0 NO nextval('jdbc_t_id_seq'::regclass) null YES", "name varchar 20 0 NO 'x'::character varying the name NO", "amount numeric 8 2 YES null null NO",
                          "made timestamptz 35 6 YES null null NO"));
    try (ResultSet r = m.getPrimaryKeys(null, "public", "jdbc_t")) { r.next(); same(r.getString("COLUMN_NAME") + r.getString("PK_NAME"), "idjdbc_t_pkey"); }
    int indexes = 0;
    try (ResultSet r = m.getIndexInfo(null, "public", "jdbc_t", false, false)) { while (r.next()) indexes++; }
    same(indexes, 3);
    try (ResultSet r = m.getTables(null, null, "jdbc_%", new String[] {"TABLE"})) { r.next(); same(r.getString("TABLE_NAME"), "jdbc_t"); same(r.next(), false); }
    try (ResultSet r = m.getTypeInfo()) { int n = 0; while (r.next()) n++; same(n > 20, true); }
    for (ResultSet r : List.of(m.getSchemas(), m.getCatalogs(), m.getTableTypes(), m.getImportedKeys(null, null, "jdbc_t"), m.getExportedKeys(null, null, "jdbc_t"), m.getFunctions(null, null, "lower%"),
                               m.getProcedures(null, null, "x%"), m.getTablePrivileges(null, null, "jdbc_t"), m.getColumnPrivileges(null, null, "jdbc_t", "%"), m.getBestRowIdentifier(null, null, "jdbc_t", 1, true),
                               m.getVersionColumns(null, null, "jdbc_t"), m.getProcedureColumns(null, null, "x%", null), m.getFunctionColumns(null, null, "lower", null), m.getUDTs(null, null, "x", null))) r.close();
    same(m.getSQLKeywords().length() > 100, true);
    same(m.getMaxColumnsInIndex() + " " + m.getMaxColumnNameLength(), "32 63");
    try (PreparedStatement s = c.prepareStatement("select id, name from jdbc_t where id = ?")) {
      ResultSetMetaData r = s.getMetaData();
      same(r.getTableName(1) + r.getColumnTypeName(1) + r.isAutoIncrement(1) + r.isNullable(2) + r.getPrecision(2), "jdbc_tbigserialtrue020");
      same(s.getParameterMetaData().getParameterTypeName(1), "int8");
    }
    try (Statement s = c.createStatement()) { s.execute("drop table jdbc_t"); }
  }

  static void copy(Connection c) throws Exception {
    try (Statement s = c.createStatement()) { s.execute("create temp table k (a int, b text)"); }
    same(c.unwrap(PGConnection.class).getCopyAPI().copyIn("copy k from stdin csv", new StringReader("1,x\n2,\n")), 2L);
    StringWriter w = new StringWriter();
    c.unwrap(PGConnection.class).getCopyAPI().copyOut("copy k to stdout", w);
    same(w.toString(), "1\tx\n2\t\\N\n");
  }

  static void cancel(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.setQueryTimeout(1);
      s.execute("select pg_sleep(20)");
      throw new AssertionError("no timeout");
    } catch (SQLException e) { same(e.getSQLState(), "57014"); }
    same(c.isValid(5), true);
  }

  public static void main(String[] args) {
    url = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv().getOrDefault("PGDATABASE", "postgres") + "?user=postgres";
    test("values go and come back", JdbcClient::values);
    test("batches and generated keys", JdbcClient::batches);
    test("cursors, updatable results, savepoints", JdbcClient::cursors);
    test("database metadata", JdbcClient::metadata);
    test("copy", JdbcClient::copy);
    test("query timeout", JdbcClient::cancel);
  }
}
