package check

import "strings"

// A technology is something that steering names in prose and a manifest by packages. Of its kind a project usually has
// one, so that another one is a rival.
type technology struct {
	name     string
	kind     string
	words    string   // how prose names it, a pattern
	packages []string // names without regard to case; with a star at the end a prefix
}

// technologies are those whose packages are known, as manifests write them: "group:artifact" for the JVM, "image:" before the
// image of a service, "provider:" and "feature:" before what another package is told to speak to. A kind with a single member
// cannot contradict anything, and is here for its version and for being named.
func technologies() []technology {
	return []technology{
		{"PostgreSQL", "database", `postgres(?:ql)?`, []string{"github.com/jackc/pgx*", "github.com/lib/pq", "pg", "postgres", "pg-promise", "psycopg2*", "psycopg", "psycopg-binary", "asyncpg", "tokio-postgres", "postgres-types", "image:postgres*", "image:postgis", "image:timescaledb*", "gorm.io/driver/postgres", "org.postgresql:*", "Npgsql*", "ext-pgsql", "ext-pdo_pgsql", "provider:postgresql", "feature:postgres*"}},
		{"MySQL", "database", `mysql`, []string{"github.com/go-sql-driver/mysql", "mysql", "mysql2", "pymysql", "mysqlclient", "mysql-connector-python", "aiomysql", "image:mysql*", "gorm.io/driver/mysql", "mysql:*", "com.mysql:*", "trilogy", "ext-mysqli", "ext-pdo_mysql", "MySql.Data*", "MySqlConnector*", "Pomelo.EntityFrameworkCore.MySql", "provider:mysql", "feature:mysql"}},
		{"MariaDB", "database", `mariadb`, []string{"mariadb", "image:mariadb*", "org.mariadb.jdbc:*"}},
		{"SQL Server", "database", `(?:ms )?sql server|mssql`, []string{"mssql", "tedious", "pymssql", "github.com/microsoft/go-mssqldb", "github.com/denisenkom/go-mssqldb", "image:mssql*", "com.microsoft.sqlserver:*", "Microsoft.Data.SqlClient", "System.Data.SqlClient", "Microsoft.EntityFrameworkCore.SqlServer", "tiny_tds", "ext-sqlsrv", "provider:sqlserver"}},
		{"MongoDB", "database", `mongo(?:db)?`, []string{"go.mongodb.org/mongo-driver*", "mongodb", "mongoose", "pymongo", "motor", "mongoengine", "image:mongo", "image:mongodb*", "org.mongodb:*", "org.springframework.boot:spring-boot-starter-data-mongodb*", "mongo", "mongoid", "mongodb/*", "ext-mongodb", "MongoDB.*", "provider:mongodb"}},
		{"DynamoDB", "database", `dynamodb`, []string{"@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb", "github.com/aws/aws-sdk-go-v2/service/dynamodb", "aws-sdk-dynamodb", "pynamodb", "dynamoose", "image:dynamodb-local", "software.amazon.awssdk:dynamodb*", "AWSSDK.DynamoDBv2"}},
		{"Cassandra", "database", `cassandra`, []string{"github.com/gocql/gocql", "cassandra-driver", "image:cassandra", "org.apache.cassandra:*", "com.datastax.oss:*"}},
		{"SQLite", "embedded database", `sqlite3?`, []string{"github.com/mattn/go-sqlite3", "modernc.org/sqlite", "better-sqlite3", "sqlite3", "rusqlite", "aiosqlite", "gorm.io/driver/sqlite", "org.xerial:sqlite-jdbc", "Microsoft.Data.Sqlite", "Microsoft.EntityFrameworkCore.Sqlite", "ext-pdo_sqlite", "provider:sqlite", "feature:sqlite"}},
		{"Redis", "cache", `redis`, []string{"github.com/redis/go-redis*", "github.com/go-redis/redis*", "github.com/redis/rueidis", "redis", "ioredis", "image:redis*", "redis.clients:jedis", "io.lettuce:*", "org.redisson:*", "org.springframework.boot:spring-boot-starter-data-redis*", "predis/predis", "ext-redis", "StackExchange.Redis*", "deadpool-redis"}},
		{"Valkey", "cache", `valkey`, []string{"github.com/valkey-io/*", "valkey", "iovalkey", "image:valkey*", "io.valkey:*"}},
		{"Memcached", "cache", `memcached?`, []string{"github.com/bradfitz/gomemcache", "memjs", "pymemcache", "image:memcached", "net.spy:spymemcached", "dalli", "ext-memcached", "EnyimMemcachedCore"}},
		{"RabbitMQ", "message broker", `rabbitmq`, []string{"github.com/rabbitmq/amqp091-go", "github.com/streadway/amqp", "amqplib", "pika", "lapin", "image:rabbitmq", "com.rabbitmq:*", "org.springframework.boot:spring-boot-starter-amqp", "bunny", "php-amqplib/php-amqplib", "RabbitMQ.Client"}},
		{"Kafka", "message broker", `kafka`, []string{"github.com/segmentio/kafka-go", "github.com/IBM/sarama", "github.com/confluentinc/confluent-kafka-go*", "github.com/twmb/franz-go", "kafkajs", "kafka-python", "aiokafka", "confluent-kafka", "rdkafka", "image:kafka*", "image:cp-kafka", "org.apache.kafka:*", "org.springframework.kafka:*", "ruby-kafka", "karafka", "Confluent.Kafka"}},
		{"NATS", "message broker", `nats`, []string{"github.com/nats-io/nats.go", "nats", "nats-py", "async-nats", "image:nats", "io.nats:*", "NATS.Client*", "NATS.Net"}},
		{"Elasticsearch", "search engine", `elastic ?search`, []string{"github.com/elastic/go-elasticsearch*", "@elastic/elasticsearch", "elasticsearch", "image:elasticsearch", "co.elastic.clients:*", "elasticsearch/elasticsearch", "Elastic.Clients.Elasticsearch"}},
		{"OpenSearch", "search engine", `opensearch`, []string{"github.com/opensearch-project/opensearch-go*", "@opensearch-project/opensearch", "opensearch-py", "image:opensearch", "org.opensearch.client:*"}},
		{"React", "frontend framework", `react(?:\.js)?`, []string{"react", "react-dom"}},
		{"Vue", "frontend framework", `vue(?:\.js)?`, []string{"vue"}},
		{"Angular", "frontend framework", `angular`, []string{"@angular/core"}},
		{"Svelte", "frontend framework", `svelte(?:kit)?`, []string{"svelte", "@sveltejs/kit"}},
		{"Next.js", "react framework", `next\.js`, []string{"next"}},
		{"Express", "Node.js framework", `express(?:\.js)?`, []string{"express"}},
		{"Fastify", "Node.js framework", `fastify`, []string{"fastify"}},
		{"NestJS", "Node.js framework", `nest\.?js`, []string{"@nestjs/core"}},
		{"Koa", "Node.js framework", `koa`, []string{"koa"}},
		{"Hono", "Node.js framework", `hono`, []string{"hono"}},
		{"Django", "Python framework", `django`, []string{"django"}},
		{"Flask", "Python framework", `flask`, []string{"flask"}},
		{"FastAPI", "Python framework", `fastapi`, []string{"fastapi"}},
		{"Gin", "Go framework", `gin`, []string{"github.com/gin-gonic/gin"}},
		{"Echo", "Go framework", `echo`, []string{"github.com/labstack/echo*"}},
		{"Fiber", "Go framework", `fiber`, []string{"github.com/gofiber/fiber*"}},
		{"chi", "Go framework", `chi`, []string{"github.com/go-chi/chi*"}},
		{"Actix", "Rust framework", `actix(?:[- ]web)?`, []string{"actix-web"}},
		{"Axum", "Rust framework", `axum`, []string{"axum"}},
		{"Rocket", "Rust framework", `rocket`, []string{"rocket"}},
		{"Spring Boot", "JVM framework", `spring ?boot`, []string{"org.springframework.boot:*"}},
		{"Quarkus", "JVM framework", `quarkus`, []string{"io.quarkus:*"}},
		{"Micronaut", "JVM framework", `micronaut`, []string{"io.micronaut:*"}},
		{"Ktor", "JVM framework", `ktor`, []string{"io.ktor:ktor-server*"}},
		{"Rails", "Ruby framework", `(?:ruby on )?rails`, []string{"rails"}},
		{"Sinatra", "Ruby framework", `sinatra`, []string{"sinatra"}},
		{"Hanami", "Ruby framework", `hanami`, []string{"hanami"}},
		{"Laravel", "PHP framework", `laravel`, []string{"laravel/framework"}},
		{"Symfony", "PHP framework", `symfony`, []string{"symfony/framework-bundle", "symfony/symfony"}},
		{"CakePHP", "PHP framework", `cakephp`, []string{"cakephp/cakephp"}},
		{"CodeIgniter", "PHP framework", `codeigniter`, []string{"codeigniter4/framework"}},
		{"Jest", "test runner", `jest`, []string{"jest", "ts-jest"}},
		{"Vitest", "test runner", `vitest`, []string{"vitest"}},
		{"Mocha", "test runner", `mocha`, []string{"mocha"}},
		{"Jasmine", "test runner", `jasmine`, []string{"jasmine", "jasmine-core"}},
		{"pytest", "Python test runner", `pytest`, []string{"pytest"}},
		{"nose", "Python test runner", `nose2?`, []string{"nose", "nose2"}},
		{"JUnit", "JVM test runner", `junit`, []string{"org.junit.jupiter:*", "org.junit:*", "junit:junit", "org.springframework.boot:spring-boot-starter-test"}},
		{"TestNG", "JVM test runner", `testng`, []string{"org.testng:testng"}},
		{"Spock", "JVM test runner", `spock`, []string{"org.spockframework:*"}},
		{"Kotest", "JVM test runner", `kotest`, []string{"io.kotest:*"}},
		{"RSpec", "Ruby test runner", `rspec`, []string{"rspec", "rspec-rails", "rspec-core"}},
		{"Minitest", "Ruby test runner", `minitest`, []string{"minitest"}},
		{"PHPUnit", "PHP test runner", `phpunit`, []string{"phpunit/phpunit"}},
		{"Pest", "PHP test runner", `pest(?:php)?`, []string{"pestphp/pest"}},
		{"xUnit", ".NET test runner", `xunit(?:\.net)?`, []string{"xunit*"}},
		{"NUnit", ".NET test runner", `nunit`, []string{"NUnit*"}},
		{"MSTest", ".NET test runner", `mstest`, []string{"MSTest*"}},
		{"Playwright", "browser test runner", `playwright`, []string{"@playwright/test", "playwright", "pytest-playwright", "Microsoft.Playwright*"}},
		{"Cypress", "browser test runner", `cypress`, []string{"cypress"}},
		{"Stripe", "payment service", `stripe`, []string{"github.com/stripe/stripe-go*", "stripe", "@stripe/stripe-js", "async-stripe", "com.stripe:*", "stripe/stripe-php", "Stripe.net"}},
		{"PayPal", "payment service", `paypal`, []string{"@paypal/checkout-server-sdk", "@paypal/paypal-server-sdk", "@paypal/react-paypal-js", "paypalrestsdk", "paypal-checkout-serversdk", "github.com/plutov/paypal*", "com.paypal.sdk:*"}},
		{"Braintree", "payment service", `braintree`, []string{"braintree", "github.com/braintree-go/braintree-go", "braintree/braintree_php", "com.braintreepayments.gateway:*"}},
		{"Adyen", "payment service", `adyen`, []string{"@adyen/api-library", "Adyen", "github.com/adyen/adyen-go-api-library*", "com.adyen:*"}},
		{"Paddle", "payment service", `paddle`, []string{"@paddle/paddle-node-sdk", "paddle-python-sdk", "github.com/PaddleHQ/paddle-go-sdk*"}},
	}
}

// is tells whether a package is the technology's. Some managers of packages know no case, and none has two names that
// differ in it alone.
func (t technology) is(pkg string) bool {
	for _, p := range t.packages {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			if len(pkg) >= len(prefix) && strings.EqualFold(pkg[:len(prefix)], prefix) {
				return true
			}
		} else if strings.EqualFold(p, pkg) {
			return true
		}
	}
	return false
}

// family groups the kinds of which a project runs several side by side, and of which steering that names one is expected to
// name the others: whoever lists PostgreSQL tells an agent that there is nothing else to store data in.
func family(kind string) string {
	switch kind {
	case "database", "cache", "message broker", "search engine":
		return "service"
	}
	return kind
}

// labels are the words with which steering lists a kind.
func labels(kind string) string {
	switch {
	case kind == "cache":
		return `cach(?:e|es|ing)`
	case kind == "message broker":
		return `queues?|message (?:brokers?|queues?)|messaging|brokers?`
	case kind == "search engine":
		return `search(?: engine)?`
	case strings.HasSuffix(kind, "database"):
		return `databases?|dbs?|data ?stores?|storage|persistence`
	case strings.HasSuffix(kind, "framework"):
		return `frameworks?`
	case strings.HasSuffix(kind, "test runner"):
		return `tests?|testing|test (?:runner|framework)s?`
	case kind == "payment service":
		return `payments?(?: provider| service)?`
	}
	return ""
}
