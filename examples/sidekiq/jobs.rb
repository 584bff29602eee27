# The jobs. Sidekiq reads REDIS_URL by itself.
require "sidekiq"

class Work
  include Sidekiq::Worker
  sidekiq_options queue: "default"

  def perform(seconds)
    sleep seconds
  end
end
