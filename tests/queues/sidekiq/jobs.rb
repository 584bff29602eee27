# A job that writes down what it does, and ends as it is asked to.
require "sidekiq"
require "socket"

redis = { url: ENV["REDIS_URL"], namespace: ENV["NAMESPACE"] }.compact
# Or else the library warns at each push.
Redis.sadd_returns_boolean = false if Redis.respond_to?(:sadd_returns_boolean=)
Sidekiq.configure_server { |config| config.redis = redis }
Sidekiq.configure_client { |config| config.redis = redis }

class Job
  include Sidekiq::Worker
  sidekiq_options retry: 1

  def perform(name)
    notes = Redis.new(url: ENV["NOTES_URL"], timeout: 600)
    notes.rpush("started", "#{name} #{Socket.gethostname}")
    _, outcome = notes.blpop("end:#{name}", timeout: 0)
    notes.rpush("ended", "#{name} #{Socket.gethostname}")
    raise name if outcome == "fail"
  end
end
